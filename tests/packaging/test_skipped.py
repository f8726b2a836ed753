"""A skipped test is told of, and in CI fails the run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.skipped import NO_REAL_DATA

ROOT = Path(__file__).parents[2]
CONFTEST = """
from tests.skipped import SkippedTests

def pytest_configure(config):
    config.pluginmanager.register(SkippedTests())
"""


@pytest.mark.parametrize(
    ("reason", "ci", "code"),
    [
        pytest.param("no way", "", 0, id="at home anything may be missing"),
        pytest.param("no way", "true", 1, id="in CI nothing may"),
        pytest.param(NO_REAL_DATA, "true", 0, id="but for what a machine of CI may lack"),
    ],
)
def test_a_skipped_test_is_named_and_fails_a_run_in_ci(
    tmp_path: Path, reason: str, ci: str, code: int
) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    skipped = f"import pytest\n\ndef test_lazy():\n    pytest.skip({reason!r})\n"
    (tmp_path / "test_it.py").write_text(f"{skipped}\ndef test_fine():\n    pass\n")

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CI": ci}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == code, done.stdout
    assert f"test_it.py::test_lazy: {reason}" in done.stdout
