"""States that releases left behind: what stood in the API server, and what in the target's database.

A folder for each release: ``definition.yaml``, ``sync.yaml`` (a SocrataSync with its status) and ``job.yaml``
(its run under way), as the API server returned them, and ``bookkeeping.sql`` as pg_dump wrote it.
``freeze.py`` makes them; nothing changes them afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from socratasync.times import read_instant, write_instant

HERE = Path(__file__).parent
_INSTANT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Object = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one release left."""

    folder: Path

    @property
    def release(self) -> str:
        """Its version."""
        return self.folder.name

    @property
    def definition(self) -> Path:
        """The CustomResourceDefinition of that release."""
        return self.folder / "definition.yaml"

    @property
    def bookkeeping(self) -> str:
        """Statements that make the database."""
        return (self.folder / "bookkeeping.sql").read_text(encoding="utf-8")

    def sync(self, shift: timedelta) -> Object:
        """The SocrataSync, all its times so much later."""
        return self._object("sync.yaml", shift)

    def job(self, shift: timedelta) -> Object:
        """The Job of its active run, likewise."""
        return self._object("job.yaml", shift)

    @property
    def frozen(self) -> datetime:
        """When the last thing happened that it tells of."""
        texts = [(self.folder / name).read_text() for name in ("sync.yaml", "job.yaml")]
        return max(read_instant(found) for text in texts for found in _INSTANT.findall(text))

    def _object(self, name: str, shift: timedelta) -> Object:
        def later(found: re.Match[str]) -> str:
            return write_instant(read_instant(found[0]) + shift)

        read: Object = yaml.safe_load(_INSTANT.sub(later, (self.folder / name).read_text()))
        return read


STATES = [State(folder=folder) for folder in sorted(HERE.glob("*.*.*/"))]
