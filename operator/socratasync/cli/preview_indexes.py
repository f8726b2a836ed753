"""What a preview says of the table's indexes."""

from __future__ import annotations

from typing import Any

from socratasync.api.indexes import IndexSpec
from socratasync.contract.report import error_dict
from socratasync.pipeline.preview import Preview


def sentences(planned: Preview) -> list[str]:
    """For people: what is made, renamed and dropped once the rows are in, and how others go on meanwhile."""
    changes, problems = planned.indexes.changes, planned.indexes.problems
    target = planned.found.state.target
    waits = "readers go on, writers wait" if target.kind == "p" else "readers and writers go on"
    said = [
        f"index {each.name} is made: {_definition(each.index)}"
        + (f"; {waits}" if target.exists else "")
        for each in changes.make
        if each.path not in problems
    ]
    said += [
        f"index {index.name} is named {each.name}"
        for index, each in changes.name
        if index.name != each.name and each.path not in problems
    ]
    if problems:
        return said
    return said + [f"index {index.name} is dropped" for index in changes.drop]


def _definition(index: IndexSpec) -> str:
    unique = "unique " if index.unique else ""
    where = f" where {index.where}" if index.where else ""
    return f"{unique}{index.method} ({', '.join(index.columns)}){where}"


def as_dict(planned: Preview) -> dict[str, Any]:
    """For programs."""
    changes, problems = planned.indexes.changes, planned.indexes.problems
    return {
        "make": [
            {
                **each.index.as_manifest(),
                "name": each.name,
                "error": error_dict(problems.get(each.path)),
            }
            for each in changes.make
        ],
        "rename": [
            {"name": index.name, "to": each.name, "error": error_dict(problems.get(each.path))}
            for index, each in changes.name
            if index.name != each.name
        ],
        "drop": [index.name for index in changes.drop],
    }
