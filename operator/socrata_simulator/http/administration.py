"""Changes data and switches faults over the simulator's own HTTPS, for tests in other processes.

Only a simulator that was started with ``--admin`` answers these requests. All bodies are JSON::

    GET    /_simulator/                        datasets, how many requests came, how many faults are still to come
    GET    /_simulator/requests                what was asked
    POST   /_simulator/datasets                {"id", "synthetic": ROWS, "seed"} or {"id", "columns", "rows"}
    POST   /_simulator/datasets/<id>/<change>  see ``CHANGES``
    POST   /_simulator/faults                  {"fault": "status", "arguments": {"status": 429},
                                                "times", "after", "dataset", "on", "interface"}
    DELETE /_simulator/faults                  switches all faults off
    POST   /_simulator/clock                   {"behind": SECONDS}: changes from now on are stamped so much earlier
    POST   /_simulator/interfaces              {"soda2": {"status", "after", "html"} or "There",
                                                "soda3": "Open", "WantsToken" or "Absent",
                                                "views": whether there are descriptions, "notices"}

A change names its rows by ``{"where": SOQL}``, ``{"ids": [...]}`` or ``{"first": N}``. The fault
``doing`` takes ``{"changes": [{"dataset", "change", "arguments"}]}`` and makes these changes just
before a request is answered, such as between two pages.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socrata_simulator.portal.synthetic import la311_lines
from socrata_simulator.refusals import Refused

PREFIX = "/_simulator/"

FAULTS = frozenset(
    "status bare_error invalid_token login_page redirect reset hang_up truncated short_page slow_drip "
    "delayed wrong_count data_out_of_date freshness_said without_types firewall slow_head same_page endless bomb".split()
)


def answer(portal: Portal, method: str, path: str, body: bytes) -> tuple[int, object]:
    """The HTTP status and the JSON document that answer one request."""
    try:
        return 200, _answer(portal, method, path.removeprefix(PREFIX).strip("/").split("/"), body)
    except Refused as refused:
        return refused.status, json.loads(refused.body)
    except (KeyError, TypeError, ValueError, RuntimeError) as exc:
        return 400, {"error": f"{type(exc).__name__}: {exc}"}


def _answer(portal: Portal, method: str, path: list[str], body: bytes) -> object:
    arguments = json.loads(body) if body else {}
    match method, path:
        case "GET", [""]:
            return portal.describe()
        case "GET", ["requests"]:
            return [
                {"kind": kind, "dataset": id, "parameters": parameters, "interface": interface}
                for (kind, id, parameters), interface in zip(
                    portal.requests, portal.interfaces, strict=False
                )  # one that comes meanwhile may be in one of them only
            ]
        case "POST", ["datasets"]:
            return _short(add_dataset(portal, **arguments))
        case "POST", ["datasets", dataset, change]:
            return make_change(portal[dataset], change, arguments)
        case "POST", ["faults"]:
            return _add_fault(portal, **arguments)
        case "DELETE", ["faults"]:
            portal.faults.clear()
            return {"faults": 0}
        case "POST", ["clock"]:
            portal.clock_behind = timedelta(seconds=arguments["behind"])
            return {"behind": arguments["behind"]}
        case "POST", ["interfaces"]:
            switch_interfaces(portal, **arguments)
            return {"soda3": portal.soda3, "notices": portal.notices}
        case _:
            raise ValueError(f"there is no {method} {PREFIX}{'/'.join(path)}")


def add_dataset(
    portal: Portal,
    id: str,
    *,
    synthetic: int | None = None,
    seed: int = 0,
    columns: list[list[str]] | None = None,
    rows: list[dict[str, Any]] | None = None,
    name: str = "",
) -> Dataset:
    """Add a dataset; one with the same id is replaced. Raises ``ValueError``."""
    if synthetic is not None:
        return portal.add_synthetic(id, synthetic, seed, name=name)
    if not columns:
        raise ValueError("give synthetic: ROWS, or columns: [[fieldName, dataTypeName], ...]")
    return portal.add_dataset(id, [(c[0], c[1]) for c in columns], rows or (), name=name)


def switch_interfaces(
    portal: Portal,
    *,
    soda2: str | Mapping[str, Any] | None = None,
    soda3: str | None = None,
    views: bool | None = None,
    notices: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """Turn the switches that are named, and leave the others. Raises ``ValueError``, ``TypeError``."""
    if isinstance(soda2, Mapping):
        portal.soda2_ends(**soda2)
    elif soda2 == "There":
        portal.soda2_returns()
    elif soda2 is not None:
        raise ValueError(f'soda2 is {{"status": …}} or "There", not {soda2!r}')
    if soda3 is not None:
        portal.soda3_is_there(soda3 != "Absent")
        portal.soda3 = portal.soda3 if soda3 == "Absent" else soda3
    if views is not None:
        portal.views_are_there(views)
    if notices is not None:
        portal.notices = dict(notices)


def make_change(dataset: Dataset, change: str, arguments: Mapping[str, Any]) -> dict[str, object]:
    """Make one of ``CHANGES``. Raises ``ValueError`` for a change that is not among them.

    Returns the dataset in short, and the ids of new rows unless there are more than 1,000.
    """
    make = CHANGES.get(change)
    if make is None:
        raise ValueError(f"{change!r} is none of {', '.join(CHANGES)}")
    ids = make(dataset, arguments)
    return {**_short(dataset), "ids": ids if isinstance(ids, list) and len(ids) <= 1000 else []}


def _short(dataset: Dataset) -> dict[str, object]:
    return {"id": dataset.id, "rows": len(dataset), "version": dataset.truth.version}


def _which(dataset: Dataset, arguments: Mapping[str, Any]) -> list[str]:
    if "ids" in arguments:
        return list(arguments["ids"])
    if "first" in arguments:
        return dataset.ids(limit=int(arguments["first"]))
    if "where" in arguments:
        return dataset.ids(str(arguments["where"]))
    raise ValueError('say which rows: {"where": SOQL}, {"ids": [...]} or {"first": N}')


_TOLD = frozenset(
    "description category tags owner provenance type parents download_count has_view "
    "ids_differ wkt_decimals unasked_columns renamed_columns".split()
)


def _tell(dataset: Dataset, told: Mapping[str, Any]) -> None:
    """Set what is told of the dataset, and how it answers by SODA3. Lists become tuples."""
    unknown = sorted(told.keys() - _TOLD)
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of {', '.join(sorted(_TOLD))}")
    for name, value in told.items():
        setattr(dataset, name, tuple(value) if isinstance(value, list) else value)


Change = Callable[[Dataset, Mapping[str, Any]], object]
CHANGES: dict[str, Change] = {
    "insert": lambda d, a: d.insert(*a["rows"]),
    "insert_synthetic": lambda d, a: d.insert_lines(
        list(la311_lines(int(a["rows"]), int(a["seed"])))
    ),
    "update": lambda d, a: d.update(_which(d, a), **a["values"]),
    "touch": lambda d, a: d.touch(_which(d, a)),
    "delete": lambda d, a: d.delete(_which(d, a)),
    "replace_all": lambda d, a: d.replace_all(a.get("rows")),
    "add_column": lambda d, a: d.add_column(a["field"], a["type"], value=a.get("value")),
    "drop_column": lambda d, a: d.drop_column(a["field"]),
    "rename_column": lambda d, a: d.rename_column(a["field"], a["to"]),
    "retype_column": lambda d, a: d.retype_column(a["field"], a["type"]),
    "make_private": lambda d, a: d.make_private(a.get("private", True)),
    "remove": lambda d, a: d.remove(a.get("gone", True)),
    "freeze": lambda d, a: d.freeze(a.get("successor")),
    "unstamp": lambda d, a: d.unstamp(_which(d, a)),
    "put_clock_right": lambda d, _: d.put_clock_right(),
    "lag": lambda d, a: d.lag(a.get("answers"), silently=a.get("silently", False)),
    "catch_up": lambda d, _: d.catch_up(),
    "tell": _tell,
}


def _add_fault(
    portal: Portal, fault: str, arguments: Mapping[str, Any] | None = None, **when: Any
) -> dict[str, int]:
    given = dict(arguments or {})
    if fault == "doing":
        made = Fault.doing(lambda: _make_all(portal, given["changes"]))
    elif fault in FAULTS:
        made = getattr(Fault, fault)(**given)
    else:
        raise ValueError(f"{fault!r} is none of doing, {', '.join(sorted(FAULTS))}")
    portal.faults.add(made, **when)
    return {"faults": portal.faults.pending}


def _make_all(portal: Portal, changes: list[dict[str, Any]]) -> None:
    for change in changes:
        make_change(portal[change["dataset"]], change["change"], change.get("arguments", {}))
