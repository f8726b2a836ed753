"""The status of a resource, read once from what the API server has. Pure.

Somebody may have edited it by hand, and another release may have written it: neither may stop the
operator. What is not as the vocabulary says is absent; the next write replaces it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from socratasync.api.status import STATUS, UNSEEN, SyncStatus

Path = tuple[int | str, ...]
"""Where a value stands: ``("history", 3, "trigger")``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStatus:
    """``unreadable``: the top-level fields in which something was not as it should be, as written."""

    status: SyncStatus
    unreadable: Mapping[str, object] = field(default_factory=dict)


def read_status(written: Mapping[str, object]) -> ReadStatus:
    """A status from the API. Never raises; the parts of it that cannot be read are absent. What the API server
    says of a resource that nobody has seen is none."""
    readable: object = {} if written == UNSEEN else written
    unreadable: dict[str, object] = {}
    while True:
        try:
            return ReadStatus(status=STATUS.validate_python(readable), unreadable=unreadable)
        except ValidationError as exc:
            errors = exc.errors(include_url=False, include_context=False, include_input=False)
        wrong = {_path_to_drop(error) for error in errors}
        if () in wrong:
            return ReadStatus(status=SyncStatus(), unreadable=unreadable)
        unreadable |= {str(path[0]): written[str(path[0])] for path in wrong}
        readable = _without(readable, wrong, ())


def _path_to_drop(error: ErrorDetails) -> Path:
    """What lacks a field that it must have, such as a condition without a type, goes as a whole."""
    path = error["loc"]
    return path[:-1] if error["type"] == "missing" else path


def _without(value: object, wrong: set[Path], at: Path) -> object:
    """The value, less everything that stands at one of the paths."""
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if (*at, name) not in wrong}
        return {name: _without(inner, wrong, (*at, name)) for name, inner in kept.items()}
    if isinstance(value, list):
        items = [(*at, number) for number in range(len(value))]
        return [
            _without(inner, wrong, path)
            for path, inner in zip(items, value, strict=True)
            if path not in wrong
        ]
    return value
