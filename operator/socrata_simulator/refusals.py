"""Answers that are not data, in the form that each of Socrata's layers gives them.

- edge: ``{"code", "error": true, "message"}``
- query: ``{"message", "errorCode", "data"}``
- bare: ``{"error": true, "message", "status"}``
- the web server in front of all: HTML
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Refused(Exception):
    """A status and a body that are sent instead of data."""

    status: int
    body: str | bytes
    content_type: str = "application/json;charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def edge(status: int, code: str, message: str, **headers: str) -> Refused:
    """An answer of the edge: missing datasets, tokens, permissions. ``headers`` have _ for -."""
    body = json.dumps({"code": code, "error": True, "message": message}, separators=(",", ":"))
    return Refused(status, body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def query(
    status: int, code: str, message: str, data: Mapping[str, object] | None = None
) -> Refused:
    """An answer of the layer that runs queries."""
    envelope = {"message": message, "errorCode": code, "data": dict(data or {})}
    return Refused(status, json.dumps(envelope, separators=(",", ":")))


def bare(status: int, message: str = "Internal error") -> Refused:
    """The answer without an error code, which Socrata gives when something inside it failed."""
    envelope = {"error": True, "message": message, "status": status}
    return Refused(status, json.dumps(envelope, separators=(",", ":")))


def html(status: int, title: str) -> Refused:
    """The web server's own page, which it sends when it cannot reach what is behind it."""
    body = (
        f"<html>\r\n<head><title>{status} {title}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {title}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return Refused(status, body, content_type="text/html")


def dataset_missing() -> Refused:
    """The answer to ``/resource/<id>`` where there is no such dataset."""
    return edge(404, "dataset.missing", "Not found")


def view_missing(view: str) -> Refused:
    """The answer to ``/api/views/<id>`` where there is no such view."""
    message = f"Cannot find view with id {view}"
    return edge(404, "not_found", message, X_Error_Code="not_found", X_Error_Message=message)


def invalid_app_token() -> Refused:
    """The answer to an unknown app token, also where a request without any would be answered."""
    return edge(403, "permission_denied", "Invalid app_token specified")


def private(signed_in: bool) -> Refused:
    """The answer to who may not read a private dataset."""
    if signed_in:
        return edge(403, "permission_denied", "You do not have permission to view this dataset")
    return edge(403, "permission_denied", "You must be logged in to access this resource")


def wrong_credentials() -> Refused:
    """The answer to a user and password that no account has."""
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
