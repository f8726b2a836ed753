"""What a Socrata answer that is not data means. Pure.

Socrata has three error envelopes, by the layer that refused, and the web server before it has
HTML. A parser keyed to one of them misses the others:

- edge: ``{"code", "error": true, "message"}``
- query: ``{"message", "errorCode", "data"}``
- bare: ``{"error": true, "message", "status"}``
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from socratasync.errors import (
    AuthenticationFailed,
    DatasetNotFound,
    InvalidAppToken,
    InvalidQuery,
    SchemaChanged,
    SourceThrottled,
    SourceTooSlow,
    SourceUnavailable,
    SyncError,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that is not data, with what was sent along to earn it."""

    status: int
    body: str
    what: str
    token_sent: bool = False
    credentials_sent: bool = False
    retry_after: float | None = None

    @property
    def code(self) -> str:
        """The machine-readable code of whichever envelope came; ``""`` if none has one."""
        envelope = _envelope(self.body)
        return str(envelope.get("errorCode") or envelope.get("code") or "")

    @property
    def message(self) -> str:
        """Socrata's own sentence, or the beginning of what came instead."""
        envelope = _envelope(self.body)
        text = str(envelope.get("message") or "") or _plain(self.body)
        text = text.encode(
            errors="replace"
        ).decode()  # JSON may hold half a character, which no log takes
        return " ".join(text.split())[:300]


def _envelope(body: str) -> dict[str, object]:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _plain(body: str) -> str:
    if "<html" in body[:1000].lower():
        title = body.lower().partition("<title>")[2].partition("</title>")[0]
        return f"an HTML page ({title.strip() or 'no title'})"
    return body[:200]


def explain(refusal: Refusal) -> SyncError:
    """The error that says what happens next."""
    status = refusal.status
    said = f"HTTP {status} for {refusal.what}: {refusal.message or 'no message'}"
    if status == 202:
        return SourceUnavailable(
            f"Socrata is still preparing {refusal.what}", retry_after=refusal.retry_after
        )
    if status == 429:
        return SourceThrottled(
            f"Socrata is throttling us ({said}); an app token (source.appTokenSecretRef) has a quota of its own",
            retry_after=refusal.retry_after,
        )
    if status == 408:
        return SourceTooSlow(
            f"Socrata gave up on the query ({said}); a smaller source.pageSize may help"
        )
    if status >= 500:
        return _server_error(refusal, said)
    if status in (401, 403):
        return _not_allowed(refusal, said)
    if status in (404, 410):
        return DatasetNotFound(f"{said}. Check the id; a dataset that was replaced has a new one")
    if "no-such-column" in refusal.code:
        return SchemaChanged(
            f"{said}. The dataset's columns changed; see datasets[].columns and where"
        )
    return InvalidQuery(f"Socrata refuses the query ({said}). Check datasets[].where and columns")


def _server_error(refusal: Refusal, said: str) -> SyncError:
    return SourceUnavailable(f"Socrata is in trouble ({said})", retry_after=refusal.retry_after)


def _not_allowed(refusal: Refusal, said: str) -> SyncError:
    if "app_token" in refusal.message.lower() or "app token" in refusal.message.lower():
        return InvalidAppToken(
            f"Socrata does not know the app token ({said}). Correct the secret, or remove it: without a "
            "token public datasets still load"
        )
    if refusal.credentials_sent:
        return AuthenticationFailed(
            f"Socrata refuses the credentials ({said}). Check source.credentialsSecretRef, and that the "
            "account may read the dataset"
        )
    return AuthenticationFailed(
        f"the dataset is private ({said}). Name an account that may read it in source.credentialsSecretRef"
    )
