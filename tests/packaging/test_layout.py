"""The rules of the source tree that no linter knows."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "operator"
MODULES = sorted(SOURCE.rglob("*.py"))
PACKAGES = [path for path in MODULES if path.name == "__init__.py"]

LONGEST_MODULE = 350
LONGEST_FUNCTION = 60
MOST_FUNCTIONS = 18
"""Nine functions of ten have at most so many lines, docstring and signature among them."""

ROOMS_WITHOUT_A_SUBJECT = {"utils", "util", "helpers", "helper", "base", "common", "misc", "core"}
BESIDE_THE_SENTENCE = {"socratasync/__init__.py": ["__version__"]}
"""What an ``__init__.py`` assigns: the build reads the version there."""


def name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def functions(path: Path) -> Iterator[tuple[int, str]]:
    """(lines, place and name) of each function of a module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno
            yield node.end_lineno - node.lineno + 1, f"{name(path)}:{node.lineno} {node.name}"


def test_both_packages_are_looked_at() -> None:
    assert {path.relative_to(SOURCE).parts[0] for path in PACKAGES} == {
        "socratasync",
        "socrata_simulator",
    }


def test_operator_is_a_source_root_and_never_a_package() -> None:
    """``operator`` is a module of the standard library, which a package of that name would hide."""
    assert not (SOURCE / "__init__.py").exists()


def test_the_standard_librarys_operator_is_found_beside_the_source_root() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import operator, socratasync; print(operator.__file__)"],
        cwd=ROOT,
        env={"PYTHONPATH": str(SOURCE)},
        check=True,
        capture_output=True,
        text=True,
    )

    assert not found.stdout.startswith(str(SOURCE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_says_why_it_exists(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", PACKAGES, ids=name)
def test_a_folder_is_introduced_in_one_sentence_and_exports_nothing(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))

    sentence = ast.get_docstring(tree) or ""
    assert re.findall(r"[.!?](?=\s|$)", sentence) == ["."]
    assert sentence.endswith(".")
    assert [ast.unparse(node).split(" = ")[0] for node in tree.body[1:]] == BESIDE_THE_SENTENCE.get(
        name(path), []
    )


def test_every_folder_of_modules_is_a_package() -> None:
    assert {path.parent for path in MODULES} == {path.parent for path in PACKAGES}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_no_module_outgrows_its_subject(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_functions_are_short_and_none_fills_more_than_a_screen() -> None:
    found = sorted(function for path in MODULES for function in functions(path))

    assert [place for lines, place in found if lines > LONGEST_FUNCTION] == []
    assert found[len(found) * 9 // 10][0] <= MOST_FUNCTIONS


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_every_module_has_a_subject(path: Path) -> None:
    assert not {*path.relative_to(SOURCE).with_suffix("").parts} & ROOMS_WITHOUT_A_SUBJECT
