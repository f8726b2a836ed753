"""What a Socrata answer that is not data means. Pure.

Socrata has several error envelopes, by the layer that refused, and the web server before it has
HTML. A parser keyed to one of them misses the others:

- edge: ``{"code", "error": true, "message"}``
- query: ``{"message", "errorCode", "data"}``
- bare: ``{"error": true, "message", "status"}``
- SODA3: ``{"code", "message"}``; within Socrata, and perhaps from there, ``{"type", "data", "english"}``

Only an envelope is Socrata's own word. A page of HTML with the same status is that of somebody between,
such as a firewall, and says nothing of the dataset.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from socratasync.errors import (
    AppTokenRequired,
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

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f]")
"""What a terminal would obey."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer that is not data, with what was sent along to earn it. ``asked_by_body``: as SODA3 is."""

    status: int
    body: str
    what: str
    token_sent: bool = False
    credentials_sent: bool = False
    retry_after: float | None = None
    asked_by_body: bool = False

    @property
    def is_of_another(self) -> bool:
        """Whether somebody between us and Socrata answered: all that Socrata says is a JSON object."""
        return bool(self.body.strip()) and _object(self.body) is None

    @property
    def is_final(self) -> bool:
        """Whether another try would be refused, too, whoever it was that refused."""
        return 400 <= self.status < 500 and self.status not in (408, 425, 429)

    @property
    def code(self) -> str:
        """The machine-readable code of whichever envelope came; ``""`` if none has one."""
        envelope = _envelope(self.body)
        code = envelope.get("errorCode") or envelope.get("code") or envelope.get("type")
        return code if isinstance(code, str) else ""

    @property
    def message(self) -> str:
        """Socrata's own sentence, or the beginning of what came instead."""
        envelope = _envelope(self.body)
        said = envelope.get("message") or envelope.get("english")
        text = said if isinstance(said, str) and said else _plain(self.body)
        text = text.encode(errors="replace").decode()  # JSON may hold half a character
        return " ".join(_CONTROLS.sub(" ", text).split())[:300]


class Refused(Exception):
    """An answer that is not data, on its way to who knows what to ask instead. ``error``: what it means, if
    nothing else is asked."""

    def __init__(self, refusal: Refusal, error: SyncError) -> None:
        super().__init__(error.message)
        self.refusal = refusal
        self.error = error


def _envelope(body: str) -> dict[str, object]:
    return _object(body) or {}


def _object(body: str) -> dict[str, object] | None:
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _plain(body: str) -> str:
    if re.search(r"<(html|!doctype html)", body[:1000], re.IGNORECASE):
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
        smaller = "; a smaller source.pageSize may help" if refusal.what.endswith(".csv") else ""
        return SourceTooSlow(f"Socrata gave up on the query ({said}){smaller}")
    if status == 407:
        return proxy_wants_login(said)
    if status in (413, 414, 431):
        return InvalidQuery(f"the query is too long for the portal ({said}). {SHORTEN}")
    if 400 <= status < 500:
        return _client_error(refusal, said)
    trouble = "Socrata is in trouble" if status >= 500 else "Socrata did not answer with data"
    return SourceUnavailable(f"{trouble} ({said})", retry_after=refusal.retry_after)


SHORTEN = "Load fewer columns by target.fields, or shorten datasets[].where"


def proxy_wants_login(said: str) -> SyncError:
    """The error for HTTP 407, which comes from the proxy on our side."""
    return AuthenticationFailed(
        f"the proxy wants a user and a password ({said}). Write them into HTTPS_PROXY, as in "
        "http://user:password@proxy:3128"
    )


def _client_error(refusal: Refusal, said: str) -> SyncError:
    """4xx: what is wrong with the request, if it was Socrata who said so."""
    if _wants_token(refusal):
        return AppTokenRequired(
            f"the portal answers this request only with an app token ({said}). Make one on the portal's page for "
            "developers, put it into a secret, and name that in spec.source.appTokenSecretRef"
        )
    if refusal.is_of_another and not _names_token(refusal):
        return SourceUnavailable(
            f"not Socrata but a firewall or another server before it refuses us ({said}). If that lasts: the "
            "portal may block the address that this cluster's traffic comes from, so ask it to let that "
            "pass; or spec.domain is no Socrata portal",
            retry_after=refusal.retry_after,
        )
    if refusal.status in (401, 403):
        return _not_allowed(refusal, said)
    if refusal.status in (404, 410):
        return DatasetNotFound(f"{said}. Check the id; a dataset that was replaced has a new one")
    if refusal.status in (400, 422):
        return _bad_query(refusal, said)
    return SourceUnavailable(f"Socrata cannot answer now ({said})", retry_after=refusal.retry_after)


def _bad_query(refusal: Refusal, said: str) -> SyncError:
    if "group-by" in refusal.code or _lacks_system_fields(refusal):
        return DatasetNotFound(
            f"{said}. It is a view that groups rows, which have no :id then; write the id of the dataset "
            "that it was made from"
        )
    if "no-such-column" in refusal.code:
        return SchemaChanged(
            f"{said}. The dataset's columns changed, or datasets[].columns or where name one that it never had"
        )
    return InvalidQuery(f"Socrata refuses the query ({said}). Check datasets[].where and columns")


def _lacks_system_fields(refusal: Refusal) -> bool:
    data = _envelope(refusal.body).get("data")
    column = data.get("column") if isinstance(data, dict) else None
    return "no-such-column" in refusal.code and column in (":id", ":updated_at")


def _names_token(refusal: Refusal) -> bool:
    said = refusal.message.lower()
    return refusal.status in (401, 403) and ("app_token" in said or "app token" in said)


def _wants_token(refusal: Refusal) -> bool:
    """Whether it is a token that was missing. What SODA3 says then is not known: the status alone tells."""
    anonymous = not (refusal.token_sent or refusal.credentials_sent)
    return refusal.asked_by_body and anonymous and refusal.status in (401, 403)


def _not_allowed(refusal: Refusal, said: str) -> SyncError:
    if _names_token(refusal):
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
