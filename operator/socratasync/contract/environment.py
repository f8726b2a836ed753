"""What a run is told by its environment: a Job's variables, written and read, and the secrets.

Every variable of a run is written and read here and nowhere else. None of the secrets is ever a process
argument, where other users of the machine could read it; in a Job they are references that the kubelet
resolves, so that the operator never sees a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from socratasync.api.moment import read_moment
from socratasync.api.secrets import AppTokenSecretRef, DsnSecretRef
from socratasync.api.selection import EVERYTHING, Selection, read_selection
from socratasync.api.spec import Mode, SyncSpec
from socratasync.contract.dsn_parts import read_parts, write_parts
from socratasync.contract.hook_headers import (
    HEADER_TEXT,
    headers_variable,
    hook_folder,
    hooks_with_headers,
    read_headers,
)
from socratasync.contract.notification import ADDRESS, channel_variable, read_channels
from socratasync.contract.refresh_sql import sql_not_given, with_sql, write_sql
from socratasync.contract.variables import LONGEST_VARIABLE, without_dollars
from socratasync.errors import AuthenticationFailed, InvalidAppToken, InvalidSpec, SyncError
from socratasync.process.redact import Redactor
from socratasync.times import write_instant

ONLY: Final = "SOCRATASYNC_ONLY"
"""What of the spec a one-off run is limited to, as ``Selection.text`` has it."""

ARCHIVE_FOLDER: Final = Path("/var/lib/socratasync/archive")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Secret:
    """Where one secret comes from: its variable, and the name and key of the Kubernetes secret that the
    spec names. ``without`` tells what a run does without it; ``refused`` is the error for a value that
    no HTTP header can carry; ``ends`` are the characters that are no part of it at its ends: all white space,
    where it says nothing else."""

    variable: str
    reference: Callable[[SyncSpec], tuple[str, str] | None]
    without: str = ""
    refused: type[SyncError] | None = None
    ends: str | None = None

    def read(self, environ: Mapping[str, str]) -> str | None:
        """The secret's value. Files made with an editor end with a newline, and so do secrets made from
        them; a value of which nothing is left counts as not given."""
        return (environ.get(self.variable) or "").strip(self.ends) or None

    def check(self, value: str | None) -> str | None:
        """The value. Raises ``refused`` if HTTP cannot carry it, which would not say why."""
        if value and self.refused and not HEADER_TEXT.fullmatch(value):
            raise self.refused(
                f"{self.variable} has characters that no HTTP header can carry (control characters, or "
                "letters beyond Latin-1); look for what was pasted along with it, and make the secret anew"
            )
        return value


def _secret(**where: Any) -> Any:
    return field(default=None, repr=False, metadata={"secret": _Secret(**where)})


def _key_of(
    secret: DsnSecretRef | AppTokenSecretRef | None,
) -> tuple[str, str] | None:
    return (secret.name, secret.key) if secret else None


_NO_CREDENTIALS = (
    "source.credentialsSecretRef is named, but SOCRATASYNC_USERNAME and SOCRATASYNC_PASSWORD are not both "
    "set: going on without, and private datasets will not open"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Secret values; each None if it was not given. One entry is all that a new one needs here: the Job's
    variables, their reader, the masking and the sentence on what is missing are made of it."""

    dsn: str | None = _secret(
        variable="SOCRATASYNC_DSN", reference=lambda spec: _key_of(spec.target.dsn_secret_ref)
    )
    app_token: str | None = _secret(
        variable="SOCRATASYNC_APP_TOKEN",
        reference=lambda spec: _key_of(spec.source.app_token_secret_ref),
        without="source.appTokenSecretRef is named, but SOCRATASYNC_APP_TOKEN is not set: going on without "
        "a token, which Socrata may throttle",
        refused=InvalidAppToken,
    )
    username: str | None = _secret(
        variable="SOCRATASYNC_USERNAME",
        reference=lambda spec: (
            (login := spec.source.credentials_secret_ref) and (login.name, login.username_key)
        ),
        without=_NO_CREDENTIALS,
        refused=AuthenticationFailed,
    )
    password: str | None = _secret(
        variable="SOCRATASYNC_PASSWORD",
        reference=lambda spec: (
            (login := spec.source.credentials_secret_ref) and (login.name, login.password_key)
        ),
        without=_NO_CREDENTIALS,
        refused=AuthenticationFailed,
        ends="\r\n",  # blanks may well be part of a password
    )
    hook_headers: Mapping[int, Mapping[str, str]] = field(default_factory=dict, repr=False)
    channels: Mapping[int, str] = field(default_factory=dict, repr=False)
    """The addresses of ``spec.notify``, by place. A run's Job has none: there the operator tells."""

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password for a private dataset."""
        return (self.username, self.password) if self.username and self.password else None

    def values(self) -> list[str]:
        """Everything that must never be shown."""
        given = [getattr(self, name) for name in _SECRETS]
        headers = [value for pair in self.hook_headers.values() for value in pair.values()]
        return [value for value in [*given, *headers, *self.channels.values()] if value]

    def redactor(self) -> Redactor:
        """What masks them all, the password within the DSN included."""
        redact = Redactor(self.values())
        redact.add_dsn(self.dsn)
        return redact


_SECRETS: dict[str, _Secret] = {
    each.name: each.metadata["secret"] for each in fields(Secrets) if each.metadata
}


def read_secrets(environ: Mapping[str, str]) -> Secrets:
    """The secrets that the environment holds; those set to nothing count as not given.

    Raises ``InvalidSpec`` for unreadable hook headers, ``InvalidAppToken`` and ``AuthenticationFailed`` for a
    token, a user or a password that no HTTP header can carry.
    """
    given: dict[str, Any] = {
        name: secret.check(secret.read(environ)) for name, secret in _SECRETS.items()
    }
    given["dsn"] = given["dsn"] or read_parts(environ)
    return Secrets(**given, hook_headers=read_headers(environ), channels=read_channels(environ))


def redactor(environ: Mapping[str, str]) -> Redactor:
    """What masks the environment's secrets; never raises, for errors about them are masked, too."""
    redact = Redactor(secret.read(environ) for secret in _SECRETS.values())
    redact.add(*read_channels(environ).values(), environ.get(ADDRESS))
    redact.add_dsn(environ.get("SOCRATASYNC_DSN"))
    redact.add_dsn(read_parts(environ))
    return redact


def not_given(spec: SyncSpec, secrets: Secrets) -> list[str]:
    """A sentence for each secret that the manifest names and nobody gave; a run can do without."""
    missing = [
        secret.without
        for name, secret in _SECRETS.items()
        if secret.without and secret.reference(spec) and not getattr(secrets, name)
    ]
    headers = [
        f"hooks[{number}].headersSecretRef is named, but {headers_variable(number)} is not set: the hook is "
        "called without headers"
        for number in hooks_with_headers(spec)
        if number not in secrets.hook_headers
    ]
    channels = [
        f"notify[{number}] is not told, because {channel_variable(number)} is not set"
        for number in range(len(spec.notify))
        if number not in secrets.channels
    ]
    return [*dict.fromkeys(missing), *headers, *channels, *sql_not_given(spec)]


# -- a Job's variables ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker's Job tells it to do. The spec is as it was when the Job was made; what only the
    Job needs of it is left out on the way. ``selection``: what of the spec the run is limited to."""

    name: str
    namespace: str
    run: str
    mode: Mode
    since: datetime | None
    spec: SyncSpec
    selection: Selection = EVERYTHING
    archive: Path | None = None


def write_environment(assignment: Assignment) -> list[dict[str, Any]]:
    """``env`` of the worker's container: plain values, references to secrets, and the folders in which the
    hooks' headers are mounted. Raises ``InvalidSpec`` for a spec too long to be a variable."""
    spec = assignment.spec
    plain = {
        "SOCRATASYNC_NAME": assignment.name,
        "SOCRATASYNC_NAMESPACE": assignment.namespace,
        "SOCRATASYNC_RUN": assignment.run,
        "SOCRATASYNC_MODE": assignment.mode,
        "SOCRATASYNC_SINCE": write_instant(assignment.since),
        ONLY: assignment.selection.text or None,
        "SOCRATASYNC_SPEC": _spec_text(spec),
        "SOCRATASYNC_ARCHIVE": str(assignment.archive) if assignment.archive else None,
        **{headers_variable(number): hook_folder(number) for number in hooks_with_headers(spec)},
    }
    told = [{"name": name, "value": value} for name, value in plain.items() if value is not None]
    if parts := spec.target.dsn_from:
        told += write_parts(parts)
    told += write_sql(spec)
    return told + [
        {
            "name": secret.variable,
            "valueFrom": {"secretKeyRef": {"name": found[0], "key": found[1]}},
        }
        for secret in _SECRETS.values()
        if (found := secret.reference(spec))
    ]


def _spec_text(spec: SyncSpec) -> str:
    text = without_dollars(spec.to_json(for_worker=True))
    if len(text.encode()) > LONGEST_VARIABLE:
        raise InvalidSpec(
            f"spec: is {len(text.encode()):,} bytes long and a worker can be told at most "
            f"{LONGEST_VARIABLE:,}; split it into several SocrataSyncs"
        )
    return text


def read_assignment(environ: Mapping[str, str]) -> Assignment:
    """A worker's orders. Raises ``InvalidSpec`` with every variable that is missing or wrong, ``InvalidRequest``
    for a selection that cannot be read."""
    required = ("SOCRATASYNC_NAME", "SOCRATASYNC_RUN", "SOCRATASYNC_SPEC")
    missing = [name for name in required if not environ.get(name)]
    if not (environ.get("SOCRATASYNC_DSN", "").strip() or read_parts(environ)):
        missing.append("SOCRATASYNC_DSN")
    if missing:
        raise InvalidSpec(
            f"the worker's environment lacks {', '.join(missing)}. The operator sets them in the Job; "
            "to run a manifest by hand use: socratasync run -f FILE"
        )
    spec = with_sql(SyncSpec.from_json(environ["SOCRATASYNC_SPEC"]), environ)
    mode = _mode(environ.get("SOCRATASYNC_MODE") or spec.mode)
    archive = environ.get("SOCRATASYNC_ARCHIVE")
    since = environ.get("SOCRATASYNC_SINCE")
    return Assignment(
        name=environ["SOCRATASYNC_NAME"],
        namespace=environ.get("SOCRATASYNC_NAMESPACE", "default"),
        run=environ["SOCRATASYNC_RUN"],
        mode=mode,
        since=read_moment(since, "SOCRATASYNC_SINCE")
        if since
        else (spec.since if mode == "update" else None),
        spec=spec,
        selection=read_selection(environ.get(ONLY) or ""),
        archive=Path(archive) if archive else None,
    )


def _mode(text: str) -> Mode:
    if text == "update":
        return "update"
    if text == "full":
        return "full"
    raise InvalidSpec(f"SOCRATASYNC_MODE must be update or full, not {text!r}")
