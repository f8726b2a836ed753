"""SODA3: ``POST /api/v3/views/<id>/query``, a query by the body. Pure.

``includeSynthetic`` is off, since columns that nobody selected would come else. ``includeSystem`` is never sent:
off, it takes ``:id`` away although it is selected. Pages are made by a condition and ``LIMIT``; those that the
interface offers get slow.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from socratasync.pipeline.source.interface import (
    CURRENT,
    UNKNOWN_TIME,
    Headers,
    Interface,
    Replica,
    out_of_date,
)
from socratasync.pipeline.source.request import Form, Request
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT, Query

ALIASES = {"sync_updated_at": UPDATED_AT, "sync_row_id": ROW_ID}
"""Names for the system fields by which an answer that holds more columns than were selected is asked for again."""


def _ask(dataset: str, query: Query, form: Form, seconds: float) -> Request:
    body: dict[str, Any] = {
        "query": statement(query),
        "includeSynthetic": False,
        "timeout": max(1, int(seconds)),
    }
    path = f"/api/v3/views/{dataset}/query.{form}"
    return Request(path=path, form=form, body=body, about=dataset)


def statement(query: Query) -> str:
    """The query as one SoQL statement. Each clause has a line of its own, which ends a comment, too."""
    lines = [f"SELECT {', '.join(query.select)}"]
    if query.where:
        lines.append(f"WHERE {query.where}")
    if query.group:
        lines.append(f"GROUP BY {', '.join(query.group)}")
    if query.having:
        lines.append(f"HAVING {query.having}")
    if query.order:
        lines.append(f"ORDER BY {query.order}")
    if query.limit is not None:
        lines.append(f"LIMIT {query.limit}")
    return "\n".join(lines)


def _renamed(query: Query) -> Query:
    """The query with the system fields under ``ALIASES``: what has a name of its own is a column like others."""
    names = {field: alias for alias, field in ALIASES.items()}
    select = tuple(f"{s} as {names[s]}" if s in names else s for s in query.select)
    return replace(query, select=select)


def _replica(headers: Headers) -> Replica:
    """A replica that is behind names the tables that are. ``Last-Modified`` is when the answer was made, and
    tells nothing of the rows."""
    said = out_of_date(headers)
    if said is None:
        return Replica(is_silent=True)
    return Replica() if said in CURRENT else Replica(as_of=UNKNOWN_TIME)


SODA3 = Interface(name="SODA3", ask=_ask, replica=_replica, aliases=ALIASES, rename=_renamed)
