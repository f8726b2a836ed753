"""Names that several rooms speak of are listed in one place: adding one is one edit, not six."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from socratasync.api.names import PROVENANCE_COLUMNS
from socratasync.contract.environment import Secrets
from socratasync.contract.progress import StepName
from socratasync.contract.report import ROW_COUNTS
from socratasync.errors import NEEDS_A_PERSON

PACKAGE = Path(__file__).parents[2] / "operator" / "socratasync"
TREES = {
    str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}
VARIABLES = [
    each.metadata["secret"].variable for each in fields(Secrets) if "secret" in each.metadata
]


def lists(tree: ast.AST) -> Iterator[set[Any]]:
    """The constants of every tuple, list, set and dictionary that is written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple | ast.List | ast.Set):
            parts = node.elts
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if key is not None]
        else:
            continue
        yield {part.value for part in parts if isinstance(part, ast.Constant)}


@pytest.mark.parametrize(
    ("names", "places"),
    [
        pytest.param(set(NEEDS_A_PERSON), [], id="exit codes: the classes of errors.py"),
        pytest.param(set(ROW_COUNTS), [], id="row counts: the fields of Rows"),
        pytest.param(set(get_args(StepName)), ["contract/progress.py"], id="steps"),
        pytest.param(
            set(PROVENANCE_COLUMNS),
            ["api/names.py", "pipeline/merge/statements.py"],  # which they are, and what fills each
            id="columns of provenance",
        ),
    ],
)
def test_a_list_of_names_is_written_out_once(names: set[Any], places: list[str]) -> None:
    found = [file for file, tree in TREES.items() for each in lists(tree) if names <= each]

    assert found == places


@pytest.mark.parametrize("variable", VARIABLES)
def test_a_secret_s_variable_is_known_to_one_file(variable: str) -> None:
    found = {
        file
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == variable
    }

    assert found <= {"contract/environment.py", "cli/options.py"}
