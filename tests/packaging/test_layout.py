"""The rules of the source tree that no linter knows."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "socratasync"
MODULES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 350
ROOMS_WITHOUT_A_SUBJECT = {"utils", "util", "helpers", "helper", "base", "common", "misc", "core"}


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def test_operator_is_a_source_root_and_never_a_package() -> None:
    """``operator`` is a module of the standard library, which a package of that name would hide."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_the_standard_librarys_operator_is_found_beside_the_source_root() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import operator, socratasync; print(operator.__file__)"],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT / "operator")},
        check=True,
        capture_output=True,
        text=True,
    )

    assert not found.stdout.startswith(str(ROOT / "operator"))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_says_why_it_exists(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    if text.strip():
        assert ast.get_docstring(ast.parse(text))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_outgrows_its_subject(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_has_a_subject(path: Path) -> None:
    assert not {*path.relative_to(PACKAGE).with_suffix("").parts} & ROOMS_WITHOUT_A_SUBJECT
