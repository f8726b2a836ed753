"""By which of Socrata's interfaces a test runs: by one as a rule, the same each time, and by both where that is asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.interfaces import INTERFACES, chosen, with_api

ROOT = Path(__file__).parents[2]
CONFTEST = """
import pytest
from tests.interfaces import Interfaces, add_option

pytest_addoption = add_option

def pytest_configure(config):
    config.pluginmanager.register(Interfaces())
    config.addinivalue_line("markers", "interface(name)")
    config.addinivalue_line("markers", "long")

@pytest.fixture
def socrata_interface(request):
    return request.param
"""
TESTS = """
import pytest

@pytest.mark.parametrize("number", range(40))
def test_any(socrata_interface, number): pass

@pytest.mark.interface("SODA2")
def test_of_one(socrata_interface): pass

@pytest.mark.interface("Auto")
def test_of_the_choice(socrata_interface): pass

def test_of_none(): pass

@pytest.mark.long
def test_of_the_long_form(): pass
"""
OTHERS = {"test_of_one[SODA2]", "test_of_the_choice[Auto]", "test_of_none"}


def run(folder: Path, *arguments: str) -> set[str]:
    """The tests that such a command runs."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deselected" not in done.stdout
    return {
        line.split()[0].rpartition("::")[2]
        for line in done.stdout.splitlines()
        if " PASSED " in line
    }


@pytest.mark.parametrize(
    ("choice", "by"),
    [
        pytest.param("both", INTERFACES, id="both"),
        pytest.param("SODA2", ("SODA2",), id="one"),
        pytest.param("SODA3", ("SODA3",), id="the other"),
    ],
)
def test_tests_run_by_the_interfaces_that_are_asked_for(
    tmp_path: Path, choice: str, by: tuple[str, ...]
) -> None:
    wanted = {f"test_any[{number}-{each}]" for number in range(40) for each in by}

    long = {"test_of_the_long_form"} if choice == "both" else set()
    assert run(tmp_path, "--interface", choice) == OTHERS | wanted | long


def test_by_default_each_runs_by_one_and_about_half_of_them_by_each(tmp_path: Path) -> None:
    told = run(tmp_path) - OTHERS

    numbers, by = zip(*(test[len("test_any[") : -1].split("-") for test in told), strict=True)
    assert sorted(map(int, numbers)) == list(range(40))
    assert all(12 <= by.count(each) <= 28 for each in INTERFACES)
    assert run(tmp_path) - OTHERS == told


@pytest.mark.parametrize("interface", INTERFACES)
def test_one_that_is_named_by_its_whole_id_runs_as_it_is_named(
    tmp_path: Path, interface: str
) -> None:
    assert run(tmp_path, f"test_it.py::test_any[7-{interface}]") == {f"test_any[7-{interface}]"}


def test_every_test_of_runs_has_the_interface_that_its_id_gives_it_in_any_process() -> None:
    by = [chosen(f"tests/postgres/test_it.py::test_it[{number}-") for number in range(4)]

    assert by == ["SODA3", "SODA3", "SODA2", "SODA3"]


def test_a_manifest_that_says_by_which_interface_keeps_to_it() -> None:
    assert with_api({"pageSize": 2}, "SODA3") == {"pageSize": 2, "api": "SODA3"}
    assert with_api({"api": "SODA2"}, "SODA3") == {"api": "SODA2"}
