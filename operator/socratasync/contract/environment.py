"""What the environment says: secrets, a worker's orders, and knobs that a manifest has no place for.

Every variable is read here and nowhere else. None of the secrets is ever a process argument,
where other users of the machine could read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from socratasync.api.spec import Mode, SyncSpec
from socratasync.errors import InvalidSpec
from socratasync.process.redact import Redactor

TERMINATION_LOG = "/dev/termination-log"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """Secret values; each None if it was not given."""

    dsn: str | None = None
    app_token: str | None = None
    username: str | None = None
    password: str | None = None
    slack_webhook: str | None = None
    hook_headers: Mapping[int, Mapping[str, str]] = field(default_factory=dict)

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password for a private dataset."""
        return (self.username, self.password) if self.username and self.password else None

    def values(self) -> list[str]:
        """Everything that must never be shown."""
        headers = [value for pair in self.hook_headers.values() for value in pair.values()]
        given = [self.dsn, self.app_token, self.username, self.password, self.slack_webhook]
        return [value for value in [*given, *headers] if value]

    def redactor(self) -> Redactor:
        """What masks them all, the password within the DSN included."""
        redact = Redactor(self.values())
        redact.add_dsn(self.dsn)
        return redact


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker's Job tells it to do. The spec is as it was when the Job was made."""

    name: str
    namespace: str
    run: str
    mode: Mode
    since: datetime | None
    spec: SyncSpec
    archive: Path | None = None


def read_assignment(environ: Mapping[str, str]) -> Assignment:
    """A worker's orders. Raises ``InvalidSpec`` with every variable that is missing or wrong."""
    required = ("SOCRATASYNC_NAME", "SOCRATASYNC_RUN", "SOCRATASYNC_SPEC", "SOCRATASYNC_DSN")
    if missing := [name for name in required if not environ.get(name)]:
        raise InvalidSpec(
            f"the worker's environment lacks {', '.join(missing)}. The operator sets them in the Job; "
            "to run a manifest by hand use: socratasync run -f FILE"
        )
    spec = SyncSpec.from_json(environ["SOCRATASYNC_SPEC"])
    archive = environ.get("SOCRATASYNC_ARCHIVE")
    since = environ.get("SOCRATASYNC_SINCE")
    return Assignment(
        name=environ["SOCRATASYNC_NAME"],
        namespace=environ.get("SOCRATASYNC_NAMESPACE", "default"),
        run=environ["SOCRATASYNC_RUN"],
        mode=_mode(environ.get("SOCRATASYNC_MODE") or spec.mode),
        since=read_moment(since, "SOCRATASYNC_SINCE") if since else spec.since,
        spec=spec,
        archive=Path(archive) if archive else None,
    )


def read_moment(text: str, name: str) -> datetime:
    """An ISO 8601 date or time; without a zone it is UTC. Raises ``InvalidSpec``, saying ``name``."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as exc:
        raise InvalidSpec(
            f"{name} must be a date or time, such as 2024-01-31 or 2024-01-31T07:00:00Z, not {text!r}"
        ) from exc
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _mode(text: str) -> Mode:
    if text == "update":
        return "update"
    if text == "full":
        return "full"
    raise InvalidSpec(f"SOCRATASYNC_MODE must be update or full, not {text!r}")


def termination_log(environ: Mapping[str, str]) -> Path:
    """The file whose content Kubernetes keeps as the container's last words."""
    return Path(environ.get("SOCRATASYNC_TERMINATION_LOG") or TERMINATION_LOG)


def read_secrets(environ: Mapping[str, str]) -> Secrets:
    """The secrets that the environment holds; those set to nothing count as not given.

    Raises ``InvalidSpec`` for unreadable hook headers.
    """
    return Secrets(
        dsn=_given(environ, "SOCRATASYNC_DSN"),
        app_token=_given(environ, "SOCRATASYNC_APP_TOKEN"),
        username=_given(environ, "SOCRATASYNC_USERNAME"),
        password=_given(environ, "SOCRATASYNC_PASSWORD"),
        slack_webhook=_given(environ, "SOCRATASYNC_SLACK_WEBHOOK"),
        hook_headers=_hook_headers(environ),
    )


_SECRETS = (
    "SOCRATASYNC_APP_TOKEN",
    "SOCRATASYNC_USERNAME",
    "SOCRATASYNC_PASSWORD",
    "SOCRATASYNC_SLACK_WEBHOOK",
)


def redactor(environ: Mapping[str, str]) -> Redactor:
    """What masks the environment's secrets; never raises, for errors about them are masked, too."""
    redact = Redactor(_given(environ, name) for name in _SECRETS)
    redact.add_dsn(_given(environ, "SOCRATASYNC_DSN"))
    return redact


def not_given(spec: SyncSpec, secrets: Secrets) -> list[str]:
    """A sentence for each secret that the manifest names and nobody gave; a run can do without."""
    found = []
    if spec.source.app_token_secret_ref and not secrets.app_token:
        found.append(
            "source.appTokenSecretRef is named, but SOCRATASYNC_APP_TOKEN is not set: going on "
            "without a token, which Socrata may throttle"
        )
    if spec.source.credentials_secret_ref and not secrets.credentials:
        found.append(
            "source.credentialsSecretRef is named, but SOCRATASYNC_USERNAME and SOCRATASYNC_PASSWORD "
            "are not both set: going on without, and private datasets will not open"
        )
    if spec.notify and not secrets.slack_webhook:
        found.append(
            "notify.slackWebhookSecretRef is named, but SOCRATASYNC_SLACK_WEBHOOK is not set: nobody "
            "will be told"
        )
    for number, hook in enumerate(spec.hooks):
        if hook.headers_secret_ref and number not in secrets.hook_headers:
            found.append(
                f"hooks[{number}].headersSecretRef is named, but SOCRATASYNC_HOOK_{number}_HEADERS is "
                "not set: the hook is called without headers"
            )
    return found


def _given(environ: Mapping[str, str], name: str) -> str | None:
    """Files made with an editor end with a newline, and so do the secrets made from them."""
    return (environ.get(name) or "").strip("\r\n") or None


_HOOK = re.compile(r"SOCRATASYNC_HOOK_([0-9]{1,4})_HEADERS")


def _hook_headers(environ: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """``SOCRATASYNC_HOOK_<n>_HEADERS`` is either a folder (a mounted secret: a file a header) or a JSON
    object, for hook number ``n`` from 0."""
    found: dict[int, dict[str, str]] = {}
    for name, value in environ.items():
        if match := _HOOK.fullmatch(name):
            found[int(match[1])] = _headers(name, value)
    return found


def _headers(name: str, value: str) -> dict[str, str]:
    folder = Path(value)
    try:
        if not value.lstrip().startswith("{") and folder.is_dir():
            files = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
            return {p.name: p.read_text(encoding="utf-8").strip() for p in files}
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidSpec(f"{name}: the headers in {folder} cannot be read as text") from exc
    try:
        headers = json.loads(value)
    except ValueError as exc:
        raise InvalidSpec(f"{name} is neither a folder nor a JSON object of headers") from exc
    if not isinstance(headers, dict):
        raise InvalidSpec(f"{name} must be a JSON object of headers")
    return {str(header): str(text) for header, text in headers.items()}
