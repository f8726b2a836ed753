"""kstatus' own library, by which Flux, kpt and others wait, reads every way in which a sync may stand."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from tests.cluster import programs
from tests.unit.controller.standings import STANDINGS


def kstatus(objects: list[dict[str, Any]]) -> list[str]:
    """What it makes of each, in one call."""
    program = programs.find("kstatus")["kstatus"]
    said = subprocess.run(
        [program], input=json.dumps(objects), capture_output=True, text=True, check=True, timeout=60
    )
    return [each["status"] for each in json.loads(said.stdout)]


def test_kstatus_reads_how_a_sync_stands() -> None:
    read = kstatus([standing.story().object for standing in STANDINGS])

    told = {standing.name: word for standing, word in zip(STANDINGS, read, strict=True)}
    assert told == {standing.name: standing.kstatus for standing in STANDINGS}
