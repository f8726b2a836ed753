"""``docs/simulator.md`` is true: its Python runs, and it names every dataset and fault there is."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path

from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "simulator.md").read_text()
EXAMPLES = "\n\n".join(re.findall(r"^```python\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL))


def test_the_guides_examples_run(tmp_path: Path) -> None:
    (tmp_path / "test_examples.py").write_text(EXAMPLES)

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_examples.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "operator"), "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert f"{EXAMPLES.count('def test_')} passed" in ran.stdout, ran.stdout + ran.stderr


def test_the_guide_names_every_fault() -> None:
    faults = {name for name, _ in inspect.getmembers(Fault, inspect.ismethod)}

    assert set(re.findall(r"`([a-z_]+)\([^`]*\)`", GUIDE.split("| fault |")[1])) >= faults


def test_the_guide_names_every_way_to_add_a_dataset() -> None:
    adding = {name for name in vars(Portal) if name.startswith("add_")}

    assert set(re.findall(r"^\| `(add_[a-z]+)\(", GUIDE, re.MULTILINE)) == adding
