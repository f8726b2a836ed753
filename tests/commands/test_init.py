"""``socratasync init``: from an address to a manifest, and what is refused."""

from __future__ import annotations

import pytest
from tests.commands.conftest import Command, rows

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.portal import Portal
from socratasync.api.manifest import read_manifest


@pytest.fixture
def cases(portal: Portal, socrata: Server) -> Dataset:
    return portal.add_synthetic("case-2018", 30, name="Cases")


def test_from_an_address_to_rows_in_two_commands(
    socratasync: Command, socrata: Server, cases: Dataset, dsn: str
) -> None:
    made = socratasync("init", f"https://{socrata.domain}/d/case-2018", "-o", "my cases.yaml")
    ran = socratasync("run", "-f", "my cases.yaml", SOCRATASYNC_DSN=dsn)

    assert (made.returncode, ran.returncode) == (0, 0), made.stderr + ran.stderr
    assert made.stdout == ""
    assert "socratasync plan -f 'my cases.yaml'" in made.stderr
    assert rows(dsn, "SELECT count(*) FROM cases") == [(30,)]


def test_without_a_file_the_manifest_is_all_that_is_printed(
    socratasync: Command, socrata: Server, cases: Dataset
) -> None:
    made = socratasync("init", socrata.domain, "case-2018")

    assert made.returncode == 0
    assert read_manifest(made.stdout).name == "cases"
    assert "save it as cases.yaml, then socratasync plan -f cases.yaml" in made.stderr


def test_a_file_is_written_over_only_by_force(
    socratasync: Command, socrata: Server, cases: Dataset
) -> None:
    file = socratasync.folder / "cases.yaml"
    file.write_text("mine")
    kept = socratasync("init", socrata.domain, "case-2018", "-o", file)

    assert (kept.returncode, file.read_text()) == (78, "mine")
    assert "is there already" in " ".join(kept.stderr.split())
    assert "--force" in kept.stderr

    assert socratasync("init", socrata.domain, "case-2018", "-o", file, "--force").returncode == 0
    assert read_manifest(file.read_text()).name == "cases"
    assert list(socratasync.folder.iterdir()) == [file]


def test_a_file_that_cannot_be_written_leaves_nothing(
    socratasync: Command, socrata: Server, cases: Dataset
) -> None:
    ran = socratasync("init", socrata.domain, "case-2018", "-o", "none/such.yaml")

    assert ran.returncode == 78
    assert "none/such.yaml cannot be written: No such file" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["none-0001"], 78, "none-0001", id="no such dataset"),
        pytest.param(["https://data.lacity.org/d/4a4x-mna2"], 78, "2 portals", id="two portals"),
    ],
)
def test_what_cannot_be_loaded_is_refused_with_a_sentence(
    socratasync: Command,
    socrata: Server,
    cases: Dataset,
    arguments: list[str],
    code: int,
    said: str,
) -> None:
    ran = socratasync("init", socrata.domain, *arguments)

    assert (ran.returncode, ran.stdout) == (code, "")
    assert said in " ".join(ran.stderr.split())
