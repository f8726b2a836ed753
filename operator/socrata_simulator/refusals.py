"""Answers that are not data, in the envelopes that Socrata's layers use. Pure.

- edge: ``{"code", "error": true, "message"}``
- query: ``{"message", "errorCode", "data"}``
- bare: ``{"error": true, "message", "status"}``
- the web server before them all: HTML
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Refused(Exception):
    """A status and a body instead of rows; the handler sends it as it is."""

    status: int
    body: str
    content_type: str = "application/json;charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def edge(status: int, code: str, message: str, **headers: str) -> Refused:
    """Envelope of the edge and core: missing datasets, tokens, permissions."""
    body = json.dumps({"code": code, "error": True, "message": message}, separators=(",", ":"))
    return Refused(status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def query(
    status: int, code: str, message: str, data: Mapping[str, object] | None = None
) -> Refused:
    """Envelope of the query layer."""
    envelope = {"message": message, "errorCode": code, "data": dict(data or {})}
    return Refused(status, json.dumps(envelope, separators=(",", ":")))


def bare(status: int, message: str = "Internal error") -> Refused:
    """The envelope with no code, which comes when something broke."""
    envelope = {"error": True, "message": message, "status": status}
    return Refused(status, json.dumps(envelope, separators=(",", ":")))


def html(status: int, title: str) -> Refused:
    """The web server's own page, when it cannot reach what stands behind it."""
    body = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return Refused(status, body, content_type="text/html")


def dataset_missing() -> Refused:
    """``/resource/<id>`` of a dataset that is not there."""
    return edge(404, "dataset.missing", "Not found")


def view_missing(view: str) -> Refused:
    """``/api/views/<id>`` of a view that is not there."""
    message = f"Cannot find view with id {view}"
    return edge(404, "not_found", message, X_Error_Code="not_found", X_Error_Message=message)


def invalid_app_token() -> Refused:
    """A wrong token fails where no token would have worked."""
    return edge(403, "permission_denied", "Invalid app_token specified")


def private(signed_in: bool) -> Refused:
    """A dataset that is not for everybody."""
    if signed_in:
        return edge(403, "permission_denied", "You do not have permission to view this dataset")
    return edge(403, "permission_denied", "You must be logged in to access this resource")


def wrong_credentials() -> Refused:
    """Basic credentials that nobody has."""
    return edge(401, "authentication_required", "Invalid username or password")


def bad_query(
    code: str, text: str, *, clause: str, at: int, dataset: str, **data: object
) -> Refused:
    """A 400 about the character ``at`` (from 0) of ``clause``."""
    line = clause.rfind("\n", 0, at) + 1
    position = {
        "row": clause.count("\n", 0, at) + 1,
        "column": at - line + 1,
        "line": clause[line:].partition("\n")[0],
    }
    where = (
        f"Map(row -> {position['row']}, line -> {position['line']}, column -> {position['column']})"
    )
    message = f"Query coordinator error: {code}; {text}; position: {where}"
    return query(400, code, message, {**data, "dataset": dataset, "position": position})
