"""What is written by hand in the chart agrees with what is generated, and with the package."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from socratasync.api.pod import PodTemplate
from socratasync.api.rules import Block
from socratasync.controller.jobs.defaults import JobDefaults

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "socrata-sync"


@pytest.mark.parametrize("program", ["readme.py", "copy_crd.py", "dashboard.py"])
def test_what_is_generated_is_up_to_date(program: str) -> None:
    command = [sys.executable, f"helm/{program}", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_a_forgotten_generation_is_noticed(tmp_path: Path) -> None:
    chart = tmp_path / "socrata-sync"
    chart.mkdir()
    for name in ("Chart.yaml", "README.head.md"):
        (chart / name).write_text((CHART / name).read_text())
    (chart / "values.yaml").write_text("# -- Something new.\nnew: 1\n")
    (chart / "README.md").write_text((CHART / "README.md").read_text())
    (tmp_path / "readme.py").write_text((ROOT / "helm" / "readme.py").read_text())

    command: list[str | Path] = [sys.executable, tmp_path / "readme.py"]
    stale = subprocess.run([*command, "--check"], capture_output=True, text=True, check=False)
    subprocess.run(command, check=True)

    assert stale.returncode == 1
    assert "is not what values.yaml says" in stale.stderr
    assert "| `new` | `1` | Something new. |" in (chart / "README.md").read_text()


def test_every_value_is_described() -> None:
    described = set(_table_paths((CHART / "README.md").read_text()))

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert [path for path in _paths(values) if not _covered(path, described)] == []


def test_the_schema_knows_every_value_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())

    assert set(schema["properties"]) - {"global"} == set(values)
    for key, value in values.items():
        known = schema["properties"][key].get("properties")
        if known and isinstance(value, dict) and not key.endswith("Probe") and key != "resources":
            assert set(known) == set(value), key


def test_the_schema_knows_every_field_of_the_job_defaults_and_no_other() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())["properties"]["jobs"]

    def fields(model: type[Block]) -> set[str]:
        return {field.alias or name for name, field in model.model_fields.items()}

    assert set(schema["properties"]) == fields(JobDefaults)
    assert set(schema["properties"]["podTemplate"]["properties"]) == fields(PodTemplate)


def _table_paths(text: str) -> Iterator[tuple[str, ...]]:
    for line in text.splitlines():
        if line.startswith("| `") and line.count("|") >= 4:
            yield tuple(line.split("`")[1].split("."))


def _paths(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if not isinstance(tree, dict) or not tree:
        yield path
        return
    for key, below in tree.items():
        yield from _paths(below, (*path, key))


def _covered(path: tuple[str, ...], described: set[tuple[str, ...]]) -> bool:
    return any(path[:depth] in described for depth in range(1, len(path) + 1))
