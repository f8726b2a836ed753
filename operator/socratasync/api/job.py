"""``spec.job``: the limits of a run's Job, and what may be added to its pod.

Deep parts of a pod (affinity, sources of volumes, …) are not checked here but by Kubernetes, when the
Job is created.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, StrictStr

from socratasync.api.names import ObjectName, shaped
from socratasync.api.rules import Block, IntOrString, Rule
from socratasync.api.times import matches

Anything = Annotated[
    dict[str, Any],
    Field(json_schema_extra={"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
]
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


_QUANTITY = "^[0-9]+([.][0-9]+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$"
_SUFFIXES = {
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** (n + 1) for n, suffix in enumerate("kMGTPE")},
    **{f"{suffix}i": Decimal(1024) ** (n + 1) for n, suffix in enumerate("KMGTPE")},
}


Quantity = Annotated[
    int | str,
    IntOrString(),
    Rule(
        message="must be a quantity, such as 100m, 2 or 512Mi",
        holds=lambda value: matches(_QUANTITY, str(value)),
        cel=f"string(self).matches('{_QUANTITY}')",
    ),
]
Quantities = Annotated[
    dict[Annotated[StrictStr, Field(min_length=1, max_length=63)], Quantity], Field(max_length=8)
]


def read_quantity(value: int | str) -> Decimal:
    """The quantity as a number, such as of cores or bytes."""
    text = str(value)
    suffix = text.lstrip("0123456789.")
    return Decimal(text.removesuffix(suffix)) * _SUFFIXES.get(suffix, Decimal(1))


def no_request_above_its_limit(
    requests: Mapping[str, int | str], limits: Mapping[str, int | str]
) -> bool:
    """Whether no request is above its limit; Kubernetes refuses such pods."""
    return all(
        read_quantity(asked) <= read_quantity(limits[name])
        for name, asked in requests.items()
        if name in limits
    )


class Resources(Block):
    """What the worker's container asks for and may use."""

    rules = (
        Rule(
            message="must not be above limits: raise the limit or lower the request",
            holds=lambda resources: no_request_above_its_limit(
                resources.requests, resources.limits
            ),
            cel="!has(self.requests) || !has(self.limits) || self.requests.all(r, "
            "!(r in self.limits) || !isQuantity(string(self.requests[r])) || "
            "!isQuantity(string(self.limits[r])) || "
            "!quantity(string(self.requests[r])).isGreaterThan(quantity(string(self.limits[r]))))",
            field="requests",
        ),
    )

    requests: Quantities = Field(default={"cpu": "100m", "memory": "128Mi"})
    """What the pod is scheduled by, such as {cpu: 100m, memory: 128Mi}."""
    limits: Quantities = Field(default={"memory": "512Mi"})
    """What the container may not exceed, such as {memory: 512Mi}."""


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
    ]
    """The variable's name."""
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
        shaped("^/[^:]+$", "must be an absolute path, such as /etc/ca"),
    ]
    """The folder within the container."""
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


class JobSpec(Block):
    """The Kubernetes Job that carries out a run."""

    backoff_limit: Annotated[StrictInt, Field(ge=0, le=20)] = 3
    """How often a pod is tried again that failed for a reason that may pass."""
    active_deadline_seconds: Annotated[StrictInt, Field(ge=1, le=1_209_600)] = 21_600
    """Seconds after which a run, retries and all, is stopped. Never without end."""
    start_deadline_seconds: Annotated[StrictInt, Field(ge=30, le=1_209_600)] = 600
    """Seconds that a pod may take to start. A run whose pod does not start in time is ended, with what held it
    up, and tried again by spec.retry."""
    ttl_seconds_after_finished: Annotated[StrictInt, Field(ge=60, le=31_536_000)] = 604_800
    """Seconds after which Kubernetes removes a finished Job, if the history limits have not removed it yet."""
    resources: Resources = Resources()
    """What the worker's container asks for and may use. Memory stays flat however many rows there are."""
    pod_template: PodTemplate = PodTemplate()
    """What is added to the worker's pod. Its image, command and security context cannot be changed."""
