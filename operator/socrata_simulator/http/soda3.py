"""Reads a request of SODA3: what its body, or its address, asks for. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from socrata_simulator.refusals import Refused, edge
from socrata_simulator.soql.soda3 import Wishes
from socrata_simulator.soql.statement import clauses

JSON = "application/json"


def posted(body: bytes, content_type: str) -> dict[str, Any]:
    """The object in the body of a POST. Raises ``Refused``."""
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise edge(415, "unsupported_media_type", f"The body must be {JSON}")
    try:
        asked = json.loads(body)
    except ValueError:
        raise _invalid("The body is no JSON") from None
    if not isinstance(asked, dict):
        raise _invalid("The body is no object")
    return asked


def in_the_address(pairs: Mapping[str, str]) -> dict[str, Any]:
    """What a GET asks for, as the object that a POST would send."""
    asked: dict[str, Any] = {"query": pairs["query"]} if "query" in pairs else {}
    page = {name: pairs[name] for name in ("pageNumber", "pageSize") if name in pairs}
    return {**asked, "page": page} if page else asked


def parameters(asked: Mapping[str, Any], dataset: str) -> dict[str, str]:
    """The clauses of the query, as SODA2 takes them; none where there is no query. Raises ``Refused``."""
    statement = asked.get("query")
    if statement is None:
        return {}
    if not isinstance(statement, str):
        raise _invalid("query is no text")
    return clauses(statement, dataset)


def wishes(asked: Mapping[str, Any]) -> Wishes:
    """What is asked for beside the query. Options that the interface does not know are passed over.

    Raises ``Refused``.
    """
    _number(asked.get("timeout", 600), "timeout")
    if not isinstance(asked.get("parameters", {}), dict):
        raise _invalid("parameters is no object")
    return Wishes(
        include_system=_flag(asked, "includeSystem"),
        include_synthetic=_flag(asked, "includeSynthetic"),
        ordering=str(asked.get("orderingSpecifier") or ""),
        page=_page(asked.get("page")),
        systems_first=asked.get("query") is None,
    )


def _page(asked: object) -> tuple[int, int] | None:
    if asked is None:
        return None
    if not isinstance(asked, dict):
        raise _invalid("page is no object")
    number, size = asked.get("pageNumber", 1), asked.get("pageSize", 1000)
    return _number(number, "pageNumber"), _number(size, "pageSize")


def _number(value: object, name: str) -> int:
    """A number, which may be a text of digits, too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isdigit():
        return int(value)
    raise _invalid(f"{name} is no number")


def _flag(asked: Mapping[str, Any], name: str) -> bool:
    value = asked.get(name, True)
    if not isinstance(value, bool):
        raise _invalid(f"{name} is neither true nor false")
    return value


def _invalid(why: str) -> Refused:
    return edge(400, "invalid_request", why)
