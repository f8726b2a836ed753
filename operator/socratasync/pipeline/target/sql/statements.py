"""Static SQL, by name. A ``.sql`` file holds ``-- name --``, ``-- description`` and the statement."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- (?P<name>[a-z_]+) --$", re.MULTILINE)


@cache
def load(file: str) -> dict[str, LiteralString]:
    """Name → statement of ``sql/<file>.sql``.

    The text ships with the package, so it is as literal as one written in Python.
    """
    text = (files(__package__) / f"{file}.sql").read_text(encoding="utf-8")
    parts = _HEADING.split(text)[1:]
    return {
        name: cast(LiteralString, statement.strip())
        for name, statement in zip(parts[::2], parts[1::2], strict=True)
    }
