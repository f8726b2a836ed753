"""What values of several parts are made of, by the names that SoQL has for the parts. Pure.

A part is written as a path, ``location.latitude``, and asked of the source as it is written. What a whole value looks
like in CSV is for people: ``An example (https://example.org)``. The parts are what programs read.
"""

from __future__ import annotations

from collections.abc import Mapping

from socratasync.api.names import PARTS

_NUMBERS = frozenset({"latitude", "longitude"})
OF_TYPE: Mapping[str, tuple[str, ...]] = {
    "location": ("latitude", "longitude", "human_address"),
    "point": ("latitude", "longitude"),
    "url": ("url", "description"),
    "document": ("file_id", "filename", "content_type"),
    "phone": ("phone_number", "phone_type"),
}
"""Type of a column, as its metadata says → the parts of its values. A photo is the id of its file, and has none."""

BY_DEFAULT: Mapping[str, tuple[str, ...]] = {
    "location": ("latitude", "longitude"),
    "url": ("url",),
    "document": ("file_id",),
}
"""The parts that a new table gets where the manifest names none."""


def split(path: str) -> tuple[str, str]:
    """The field and the part of it; no part for a whole field."""
    field, _, part = path.rpartition(".")
    return (field, part) if field and part in PARTS else (path, "")


def whole(path: str) -> str:
    """The field that a path is a part of, or is."""
    return split(path)[0]


def source_type(part: str) -> str:
    """The canonical type of a part."""
    return "number" if part in _NUMBERS else "text"


def default_name(path: str) -> str:
    """What a part is called where nobody names it: as its field, unless there are two of them."""
    field, part = split(path)
    return f"{field}_{part}" if part in _NUMBERS else field
