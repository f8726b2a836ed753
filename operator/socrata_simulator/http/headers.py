"""The headers of an answer, as recorded from a real portal. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from socrata_simulator.portal.dataset import Dataset, State
from socrata_simulator.soql.query import Query

DEPRECATED = "X-SODA2-Fields, X-SODA2-Types, and X-SODA2-Legacy-Types are deprecated"
"""What SODA3 warns of in every answer that has them. It says nothing of the interface."""

LONGEST_SCHEMA = 5000
"""Characters of field names and types together, from which on Socrata sends neither."""

SODA3_CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "json": "application/json; charset=utf-8",
}
CONTENT_TYPES = {"csv": "text/csv; charset=UTF-8", "json": "application/json;charset=utf-8"}
Headers = dict[str, str]


def of_rows(
    dataset: Dataset, state: State, query: Query, *, extension: str, etag: str, out_of_date: bool
) -> Headers:
    """The headers of an answer made from ``state``, which is older than the truth if a replica lags."""
    truth = dataset.owned_up(state)
    behind = out_of_date or truth.version > state.version
    return {
        "Content-Type": CONTENT_TYPES[extension],
        "Age": "0",
        "ETag": etag,
        "Last-Modified": http_date(state.changed_at),
        "Vary": "Accept-Encoding",
        **schema(query),
        "X-SODA2-Data-Out-Of-Date": "true" if behind else "false",
        "X-SODA2-Truth-Last-Modified": http_date(truth.changed_at),
        "X-SODA2-Secondary-Last-Modified": http_date(state.changed_at),
    }


def of_soda3_rows(
    dataset: Dataset,
    state: State,
    query: Query,
    *,
    extension: str,
    etag: str,
    out_of_date: bool,
    now: datetime,
) -> Headers:
    """The headers of an answer of SODA3: they tell which tables' copies are behind, but not since when."""
    behind = out_of_date or dataset.owned_up(state).version > state.version
    fields = schema(query)
    return {
        "Content-Type": SODA3_CONTENT_TYPES[extension],
        "Age": "0",
        "ETag": etag,
        "Last-Modified": format_datetime(now, usegmt=True),
        **({"X-SODA2-Warning": DEPRECATED} if "X-SODA2-Types" in fields else {}),
        **fields,
        "X-SODA2-Data-Out-Of-Date": f'[["_{dataset.id}","published"]]' if behind else "[]",
        "X-SODA2-Secondary": f"pg.{REPLICA}",
        "X-SODA2-Cached": "false",
    }


REPLICA = "primus-sql-1"
FRESHNESS = "X-SODA2-Data-Out-Of-Date"


def told(
    answer: Headers, freshness: tuple[str | None] | None, without_types: bool, gzip: bool
) -> Headers:
    """The headers as faults leave them: with another word on freshness, or none; without the types."""
    gone = {"X-SODA2-Fields", "X-SODA2-Types"} if without_types else set()
    changed = dict(answer)
    if freshness is not None:
        gone |= {FRESHNESS} if freshness[0] is None else set()
        changed[FRESHNESS] = freshness[0] or ""
    if gzip:
        changed["Content-Encoding"] = "gzip"
    return {name: value for name, value in changed.items() if name not in gone}


def weak_etag(
    dataset: Dataset, state: State, parameters: Mapping[str, str], negotiated: str
) -> str:
    """An ETag as SODA3 makes it: weak, and 43 characters over the query and the data's version."""
    asked = (
        f"{dataset.version_text(state)} {dataset.serial} {sorted(parameters.items())} {negotiated}"
    )
    return f'W/"{base64.urlsafe_b64encode(hashlib.sha256(asked.encode()).digest()).decode()[:43]}"'


def schema(query: Query) -> Headers:
    """``X-SODA2-Fields`` and ``X-SODA2-Types``, or the warning that they were too long."""
    outputs = query.columns
    fields = json.dumps([o.name for o in outputs], separators=(",", ":"))
    types = json.dumps([o.kind for o in outputs], separators=(",", ":"))
    if len(fields) + len(types) >= LONGEST_SCHEMA:
        return {
            "X-SODA2-Warning": "X-SODA2-Fields and X-SODA2-Types were too long and were dropped"
        }
    return {"X-SODA2-Fields": fields, "X-SODA2-Types": types}


def etag(dataset: Dataset, state: State, parameters: Mapping[str, str], negotiated: str) -> str:
    """An ETag that depends on the request's parameters, too: it holds for the identical request only."""
    version = f"{dataset.version_text(state)}.{dataset.serial}"
    tag = base64.b64encode(version.encode()).decode().rstrip("=")
    asked = repr(sorted(parameters.items())) + negotiated
    salt = base64.b64encode(hashlib.sha1(asked.encode()).digest()).decode().rstrip("=")  # noqa: S324
    suffix = "--gzip--gzip" if "gzip" in negotiated else ""
    return f'"{tag}---{"gzip" if suffix else ""}{salt}{suffix}"'


def is_unchanged(request: Mapping[str, str], answer: Headers) -> bool:
    """Whether the answer is a 304. If there is an If-None-Match, If-Modified-Since is ignored; SODA3, whose
    ``Last-Modified`` is the time of the answer, has no use for it."""
    known = request.get("If-None-Match")
    if known is not None:
        return known.strip() == "*" or answer["ETag"] in [t.strip() for t in known.split(",")]
    since = request.get("If-Modified-Since")
    if since is None or answer["ETag"].startswith("W/"):
        return False
    try:
        return parsedate_to_datetime(answer["Last-Modified"]) <= parsedate_to_datetime(since)
    except ValueError:
        return False


def http_date(milliseconds: int) -> str:
    """Milliseconds since 1970 as ``Sun, 27 Apr 2025 15:12:09 GMT``."""
    return format_datetime(datetime.fromtimestamp(milliseconds // 1000, UTC), usegmt=True)
