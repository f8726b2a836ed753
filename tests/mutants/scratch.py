"""Mutmut's working folder, and the calls of mutmut in it.

Mutmut finds modules by their path below ``src``; ours lie below ``operator``. So it works on a copy that is
laid out as it likes, which also keeps what it writes out of the tree.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.mutants.mutants import Mutant, survivors

ROOT = Path(__file__).parents[2]
_TOO_SLOW = "tests/unit/controller/test_any_sequence.py"
"""Seconds for each mutant; what it notices, a table should notice as well."""


_READ = ("docs", "manifests", "operator")
"""What tests read as text, at the place where they look for it."""

_NOT_REACHED = "could not find any test case for any mutant"
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

_SETTINGS = """
[tool.mutmut]
source_paths = ["src"]
only_mutate = {files}
pytest_add_cli_args_test_selection = {tests}
pytest_add_cli_args = ["-p", "no:cacheprovider", "--ignore={slow}"]
type_check_command = {types}
timeout_constant = {patience}
also_copy = {read}
do_not_mutate_patterns = ['^\\s*[rf]*"[^"]* [^"]*"[,)]*$', '^\\s*log\\.\\w+\\("(?!.*extra=).*$']
"""
"""A line that is nothing but a sentence for people is not worth trying, in a log without facts neither."""

_ASK_MYPY = """
from mutmut.mutation.file_mutation import filter_mutants_with_type_checker
print(*filter_mutants_with_type_checker(), sep="\\n")
"""

_OTHERWISE = {
    '["operator", "."]': '["src", "."]',
    "_DIR/operator:": "_DIR/src:",
    # What mutmut wraps around functions is marked with a bare "type: ignore".
    'enable_error_code = ["ignore-without-code"]': "",
}
"""Our settings → what they must be in the other layout."""


def lay_out(folder: Path) -> None:
    """A copy of what mutants and their tests need."""
    for ours, theirs in (
        ("operator", "src"),
        ("tests", "tests"),
        *((each, each) for each in _READ),
    ):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / ours, folder / theirs, ignore=ignored)


def mutate(
    folder: Path,
    modules: Iterable[str],
    tests: Sequence[str],
    only: Iterable[str] = (),
    patience_s: float = 1.0,
) -> dict[str, Mutant]:
    """Try every mutant of the modules, or ``only`` those of that name (which mypy let pass), against the
    tests that reach it. Returns those that neither a test noticed nor mypy. ``patience_s``: what the tests'
    fixtures take, which mutmut does not count; a mutant that takes many times as long as all of it passes for
    noticed. Raises ``RuntimeError`` where the tests fail without any mutant."""
    files = [f"src/{module.replace('.', '/')}.py" for module in modules]
    text = project_text(files, tests, patience_s, check_types=not only)
    (folder / "pyproject.toml").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "mutmut", "run", f"--max-children={os.cpu_count() or 1}"]
    own = folder / "tmp"  # tests lock each other out by a file there
    own.mkdir(exist_ok=True)
    environment = {**os.environ, "TMPDIR": str(own)}
    done = subprocess.run(
        [*command, *only],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode and _NOT_REACHED not in done.stdout:
        words = "\n".join(line for line in done.stdout.splitlines() if line[:1] not in _SPINNER)
        raise RuntimeError(f"mutmut failed ({done.returncode}): {words[-3000:]}")
    noticed = set() if only else _noticed_by_mypy(folder)
    left = survivors(folder / "mutants" / "src")
    return {name: mutant for name, mutant in left.items() if name not in noticed}


def _noticed_by_mypy(folder: Path) -> set[str]:
    """Mutmut's names of mutants that are no well-typed code. It asks mypy itself, but heeds it only for
    functions that a test reaches."""
    told = subprocess.run(
        [sys.executable, "-c", _ASK_MYPY], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    return set(told.stdout.split())


def project_text(
    files: list[str], tests: Sequence[str], patience_s: float, *, check_types: bool
) -> str:
    """Our own pyproject.toml, for the other layout, with mutmut's settings."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for ours, theirs in _OTHERWISE.items():
        assert ours in project, f"pyproject.toml no longer has {ours}"
        project = project.replace(ours, theirs)
    return project + _SETTINGS.format(
        files=files,
        tests=list(tests),
        slow=_TOO_SLOW,
        types=_type_check(files) if check_types else [],
        patience=patience_s,
        read=list(_READ),
    )


def _type_check(files: list[str]) -> list[str]:
    quiet = ["--no-warn-unused-ignores", "--no-warn-unreachable"]
    return [sys.executable, "-m", "mypy", "--output=json", *quiet, *files]
