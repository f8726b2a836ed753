"""Answers that are not data, in the form that each of Socrata's layers gives them.

- edge: ``{"code", "error": true, "message"}``
- query: ``{"message", "errorCode", "data"}``
- bare: ``{"error": true, "message", "status"}``
- the web server in front of all: HTML
- SODA3: as edge, with codes of its own; or ``{"type", "data", "english", "source"}``, its inner form
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Reason:
    """What a refusal says, apart from the form in which a layer says it."""

    code: str
    english: str
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Refused(Exception):
    """A status and a body that are sent instead of data. ``reason`` is None where the body is all."""

    status: int
    body: str | bytes
    content_type: str = "application/json;charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    reason: Reason | None = None


def edge(status: int, code: str, message: str, **headers: str) -> Refused:
    """An answer of the edge: missing datasets, tokens, permissions. ``headers`` have _ for -."""
    body = json.dumps({"code": code, "error": True, "message": message}, separators=(",", ":"))
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return Refused(status, body, headers=named, reason=Reason(code, message))


def query(
    status: int,
    code: str,
    message: str,
    data: Mapping[str, object] | None = None,
    *,
    english: str = "",
) -> Refused:
    """An answer of the layer that runs queries. ``english`` is the part of the message for people."""
    envelope = {"message": message, "errorCode": code, "data": dict(data or {})}
    reason = Reason(code, english or message, dict(data or {}))
    return Refused(status, json.dumps(envelope, separators=(",", ":")), reason=reason)


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


def app_token_wanted(status: int) -> Refused:
    """The answer of a portal that wants to know every caller of SODA3, to one who sent nothing."""
    code = "authentication_required" if status == 401 else "permission_denied"
    return edge(
        status, code, "Requests to this API must be identified by an app token or an account"
    )


def ended(status: int, *, html_page: bool) -> Refused:
    """The answer of an interface that is switched off. Nobody has seen a real one."""
    title, code = _ENDS.get(status, ("Not Available", f"http.{status}"))
    return html(status, title) if html_page else edge(status, code, title)


_ENDS = {
    403: ("Forbidden", "permission_denied"),
    404: ("Not Found", "not_found"),
    410: ("Gone", "gone"),
    501: ("Not Implemented", "not_implemented"),
}


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
    told = {**data, "dataset": dataset, "position": position}
    return query(400, code, message, told, english=text)


# -- SODA3 -----------------------------------------------------------------------------------------

_SODA3_CODES = {
    "dataset.missing": "not_found",
    "request-timeout": "soql.pg.timeout",
    "query.compiler.malformed": "soql.parser.expected-token",
    "query.soql.column-not-in-group-bys": "soql.analyzer.ungrouped-column-reference",
    "query.soql.aggregate-in-ungrouped-context": "soql.analyzer.aggregate-function-not-allowed",
}


def in_soda3(refused: Refused, *, inner_form: bool) -> Refused:
    """The refusal as SODA3 says it: with its own codes, in the form of the edge or in the inner one."""
    reason = refused.reason
    if reason is None:
        return refused
    code = _SODA3_CODES.get(reason.code) or reason.code.replace(
        "query.soql.", "soql.analyzer.typechecker."
    )
    envelope: dict[str, object] = {"code": code, "error": True, "message": reason.english}
    if inner_form:
        data = dict(reason.data)
        envelope = {"type": code, "data": data, "english": reason.english, "source": None}
    body = json.dumps(envelope, separators=(",", ":"))
    content_type = "application/json; charset=utf-8"
    return Refused(refused.status, body, content_type, dict(refused.headers), reason)
