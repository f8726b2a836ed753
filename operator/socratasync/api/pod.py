"""What may be added to a worker's pod: by ``spec.job.podTemplate``, and by the operator's own defaults.

Nothing here lets somebody choose the code that runs: no image, no command, no variable by which Python or the
loader of libraries finds code, no mount over what the image holds. Deep parts of a pod (affinity, sources of
volumes, …) are not checked here but by Kubernetes, when the Job is created.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StrictStr

from socratasync.api.names import ObjectName, shaped
from socratasync.api.rules import Block, Rule
from socratasync.api.times import matches

Anything = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
_RUNS_CODE = "^(PATH|(PYTHON|LD_|GCONV_|OPENSSL_|KRB5|GSS_|SASL_).*)$"
"""Variables by which a shell, Python, glibc, OpenSSL, Kerberos or SASL are told where to find code or plug-ins."""

_HOLDS_CODE = (
    "^/(bin|boot|dev|lib|lib32|lib64|libx32|opt|proc|sbin|sys|usr|var/lib/socratasync)(/|$)"
    "|^/(etc|tmp|var|var/lib)/?$"
    "|^/etc/(alternatives|gss|krb5|ld[.]so|python|socratasync)"
    "|^/etc/ssl(/openssl[.]cnf.*|/?)$"
)
"""Where the image has programs, libraries and what they are set up by, and where the operator mounts its own; or
what lies above that."""

ShortText = Annotated[StrictStr, Field(max_length=316)]
Labels = Annotated[
    dict[ShortText, Annotated[StrictStr, Field(max_length=63)]],
    Field(max_length=64),
    Rule(
        message="must not set labels of socratasync.dev/ or app.kubernetes.io/: the operator sets them",
        holds=lambda labels: (
            not any(
                label.startswith(("socratasync.dev/", "app.kubernetes.io/")) for label in labels
            )
        ),
        cel="!self.exists(l, l.startsWith('socratasync.dev/') || l.startsWith('app.kubernetes.io/'))",
    ),
]
Annotations = Annotated[
    dict[ShortText, Annotated[StrictStr, Field(max_length=4096)]],
    Field(max_length=64),
    Rule(
        message="must not set annotations of socratasync.dev/: the operator sets them",
        holds=lambda notes: not any(note.startswith("socratasync.dev/") for note in notes),
        cel="!self.exists(a, a.startsWith('socratasync.dev/'))",
    ),
]


class Toleration(Block):
    """A taint of nodes that the pod tolerates."""

    key: ShortText | None = None
    """The taint's key; none matches all keys."""
    operator: Literal["Exists", "Equal"] | None = None
    """How the value is compared."""
    value: ShortText | None = None
    """The taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The taint's effect; none matches all."""
    toleration_seconds: StrictInt | None = None
    """How long a NoExecute taint is tolerated."""


class EnvVar(Block):
    """A variable of the worker's environment, such as HTTPS_PROXY."""

    name: Annotated[
        StrictStr,
        Field(min_length=1, max_length=253),
        shaped("^[A-Za-z_][A-Za-z0-9_]*$", "must be a variable's name: letters, digits and _"),
        Rule(
            message="must not begin with SOCRATASYNC_: the operator sets those",
            holds=lambda name: not name.startswith("SOCRATASYNC_"),
            cel="!self.startsWith('SOCRATASYNC_')",
        ),
        Rule(
            message="must not be PATH or begin with PYTHON, LD_, GCONV_, OPENSSL_, KRB5, GSS_ or SASL_: "
            "such variables choose the code that runs",
            holds=lambda name: not matches(_RUNS_CODE, name),
            cel=f"!self.matches('{_RUNS_CODE}')",
        ),
    ]
    """The variable's name. None by which a program finds its code, such as PATH, PYTHONPATH or LD_PRELOAD."""
    value: Annotated[StrictStr, Field(max_length=32768)] | None = None
    """Its value."""
    value_from: Anything | None = None
    """Where its value comes from, as in a pod: secretKeyRef, configMapKeyRef and others."""


VolumeName = Annotated[
    StrictStr,
    Field(min_length=1, max_length=63),
    shaped("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "must be lower-case letters, digits and -"),
    Rule(
        message="must not begin with socratasync-: the operator's own volumes do",
        holds=lambda name: not name.startswith("socratasync-"),
        cel="!self.startsWith('socratasync-')",
    ),
]


class Volume(Block):
    """A volume of the pod: a name and one source, as in a pod. The node's own folders are not offered."""

    name: VolumeName
    """What volumeMounts call it."""
    config_map: Anything | None = None
    """A ConfigMap's keys as files."""
    secret: Anything | None = None
    """A secret's keys as files."""
    empty_dir: Anything | None = None
    """An empty folder that lives as long as the pod."""
    persistent_volume_claim: Anything | None = None
    """A claim."""
    projected: Anything | None = None
    """Several sources in one folder."""
    ephemeral: Anything | None = None
    """A claim that lives as long as the pod."""
    csi: Anything | None = None
    """A driver's inline volume."""
    nfs: Anything | None = None
    """An NFS export."""
    downward_api: Anything | None = Field(default=None, alias="downwardAPI")
    """Facts about the pod as files."""


class VolumeMount(Block):
    """Where the worker's container sees a volume."""

    name: VolumeName
    """The volume's name."""
    mount_path: Annotated[
        StrictStr,
        Field(min_length=1, max_length=1024),
        shaped("^(/[^/:]+)+/?$", "must be an absolute path, such as /etc/ca"),
        Rule(
            message="must be a path without . and .. in it, such as /etc/ca",
            holds=lambda path: not {".", ".."} & set(path.split("/")),
            cel="!self.matches('/[.][.]?(/|$)')",
        ),
        Rule(
            message="must not be in or above a folder of the image's programs and their settings, or of the "
            "operator's mounts: mount it in a folder of its own, such as /etc/ca",
            holds=lambda path: not matches(_HOLDS_CODE, path),
            cel=f"!self.matches('{_HOLDS_CODE}')",
        ),
    ]
    """The folder within the container; none that holds the image's programs or their settings."""
    sub_path: Annotated[StrictStr, Field(max_length=1024)] | None = None
    """A path within the volume."""
    read_only: bool | None = None
    """Whether the container may only read."""


class ImagePullSecret(Block):
    """A secret that opens the image's registry."""

    name: ObjectName
    """Name of the secret."""


class PodTemplate(Block):
    """What is added to the worker's pod. Its image, command and security context cannot be changed."""

    labels: Labels = Field(default_factory=dict)
    """Labels of the pod."""
    annotations: Annotations = Field(default_factory=dict)
    """Annotations of the pod."""
    node_selector: Annotated[
        dict[ShortText, Annotated[StrictStr, Field(max_length=63)]], Field(max_length=64)
    ] = Field(default_factory=dict)
    """Labels that the node must have."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=64)] = ()
    """Taints that the pod tolerates."""
    affinity: Anything | None = None
    """Which nodes and neighbours are wanted, as in a pod."""
    topology_spread_constraints: Annotated[tuple[Anything, ...], Field(max_length=16)] = ()
    """How pods spread over nodes and zones, as in a pod."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=100)] = ()
    """Variables of the worker's environment, such as HTTPS_PROXY or SSL_CERT_FILE."""
    volumes: Annotated[tuple[Volume, ...], Field(max_length=32)] = ()
    """Volumes of the pod, such as one with a CA bundle."""
    volume_mounts: Annotated[tuple[VolumeMount, ...], Field(max_length=64)] = ()
    """Where the worker's container sees them."""
    image_pull_secrets: Annotated[tuple[ImagePullSecret, ...], Field(max_length=16)] = ()
    """Secrets that open the image's registry."""
    priority_class_name: ObjectName | None = None
    """The pod's priority class."""
    service_account_name: ObjectName | None = None
    """The pod's service account, for a cloud identity; its token is not mounted."""
