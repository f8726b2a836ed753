"""SODA2: ``GET /resource/<id>``, a query by the address. Pure."""

from __future__ import annotations

from urllib.parse import urlencode

from socratasync.pipeline.source.interface import (
    CURRENT,
    UNKNOWN_TIME,
    Headers,
    Interface,
    Replica,
    http_date,
    out_of_date,
)
from socratasync.pipeline.source.request import Form, Request
from socratasync.pipeline.source.soql import ROW_ID, UPDATED_AT, Query

LONGEST_ADDRESS = 8000
"""Characters. A query travels in the address, and web servers refuse one that is longer (HTTP 414)."""


def _ask(dataset: str, query: Query, form: Form, seconds: float) -> Request:
    return Request(path=f"/resource/{dataset}.{form}", form=form, parameters=_parameters(query))


def _parameters(query: Query) -> dict[str, str]:
    """As ``$select`` and the like. Where all columns are too many to be named in an address, ``*`` does: it leaves
    out computed regions where there is an order, as columns do that ``Query.everything`` speaks of."""
    clauses = {
        "$select": ",".join(query.select),
        "$group": ",".join(query.group),
        "$having": query.having,
        "$order": query.order,
        "$limit": None if query.limit is None else str(query.limit),
        "$where": query.where,
    }
    parameters = {name: text for name, text in clauses.items() if text}
    if query.everything and len(urlencode(parameters)) > LONGEST_ADDRESS:
        parameters["$select"] = f"*,{UPDATED_AT},{ROW_ID}"
    return parameters


def _replica(headers: Headers) -> Replica:
    """A replica that is behind says so by ``true``, and since when."""
    said = out_of_date(headers)
    if said is None or said in CURRENT:
        return Replica()
    if said == "true":
        for name in ("X-SODA2-Secondary-Last-Modified", "Last-Modified"):
            if at := http_date(headers.get(name)):
                return Replica(as_of=at)
    return Replica(as_of=UNKNOWN_TIME)


SODA2 = Interface(name="SODA2", ask=_ask, replica=_replica)
