"""What the environment says: secrets, and the few knobs that a manifest has no place for.

Every variable is read here and nowhere else. None of the secrets is ever a process argument,
where other users of the machine could read it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from socratasync.errors import InvalidSpec
from socratasync.retry import RetryPolicy


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


def read_secrets(environ: Mapping[str, str]) -> Secrets:
    """The secrets that the environment holds. Raises ``InvalidSpec`` for unreadable hook headers."""
    get = environ.get
    return Secrets(
        dsn=get("SOCRATASYNC_DSN"),
        app_token=get("SOCRATASYNC_APP_TOKEN"),
        username=get("SOCRATASYNC_USERNAME"),
        password=get("SOCRATASYNC_PASSWORD"),
        slack_webhook=get("SOCRATASYNC_SLACK_WEBHOOK"),
        hook_headers=_hook_headers(environ),
    )


def _hook_headers(environ: Mapping[str, str]) -> dict[int, dict[str, str]]:
    """``SOCRATASYNC_HOOK_<n>_HEADERS`` is either a folder (a mounted secret: a file a header) or a JSON
    object, for hook number ``n`` from 0."""
    found: dict[int, dict[str, str]] = {}
    for name, value in environ.items():
        number = name.removeprefix("SOCRATASYNC_HOOK_").removesuffix("_HEADERS")
        if name == f"SOCRATASYNC_HOOK_{number}_HEADERS" and number.isdigit():
            found[int(number)] = _headers(name, value)
    return found


def _headers(name: str, value: str) -> dict[str, str]:
    folder = Path(value)
    if not value.lstrip().startswith("{") and folder.is_dir():
        files = [p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")]
        return {p.name: p.read_text(encoding="utf-8").strip() for p in files}
    try:
        headers = json.loads(value)
    except ValueError as exc:
        raise InvalidSpec(f"{name} is neither a folder nor a JSON object of headers") from exc
    if not isinstance(headers, dict):
        raise InvalidSpec(f"{name} must be a JSON object of headers")
    return {str(header): str(text) for header, text in headers.items()}


def read_policy(environ: Mapping[str, str]) -> RetryPolicy:
    """``SOCRATASYNC_ATTEMPTS`` (7) tries of a request, the first wait ``SOCRATASYNC_FIRST_WAIT`` (1 s)."""
    usual = RetryPolicy()
    return RetryPolicy(
        attempts=max(1, int(_number(environ, "SOCRATASYNC_ATTEMPTS", usual.attempts))),
        first_wait=_number(environ, "SOCRATASYNC_FIRST_WAIT", usual.first_wait),
    )


def read_lock_wait(environ: Mapping[str, str]) -> float:
    """``SOCRATASYNC_LOCK_WAIT``: seconds to wait for another run on the same target (30)."""
    return _number(environ, "SOCRATASYNC_LOCK_WAIT", 30.0)


def _number(environ: Mapping[str, str], name: str, usual: float) -> float:
    text = environ.get(name)
    if text is None:
        return usual
    try:
        number = float(text)
    except ValueError as exc:
        raise InvalidSpec(f"{name} must be a number, not {text!r}") from exc
    if not 0 <= number < 1e6:
        raise InvalidSpec(f"{name} must be between 0 and 1,000,000, not {text}")
    return number


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where the embedded database and, by default, archives live: ``SOCRATASYNC_DATA``, else the
    user's data folder."""
    if given := environ.get("SOCRATASYNC_DATA"):
        return Path(given).expanduser()
    base = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "socratasync"
