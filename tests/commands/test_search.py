"""``socratasync search``: which datasets a portal has."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.commands.conftest import Command

from socrata_simulator.http.server import Server
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal


@pytest.fixture(autouse=True)
def _datasets(portal: Portal, clock: Any) -> None:
    clock.at = datetime(2024, 5, 6, 7, tzinfo=UTC)
    portal.add_synthetic("case-2018", 30, name="Cases 2018")
    portal.add_synthetic(
        "case-2019", 1234, name="Cases 2019, and a name that goes on for longer than a line of 80"
    )
    portal.add_dataset("park-0001", [("a", "text")], name="Parks")


def test_datasets_are_listed_in_eighty_columns_with_whole_addresses(
    socratasync: Command, socrata: Server
) -> None:
    ran = socratasync("search", socrata.domain, "cases")

    assert ran.returncode == 0, ran.stderr
    head, first, page, second, _ = ran.stdout.splitlines()
    assert head.split() == ["ID", "CHANGED", "NAME"]
    assert first == "case-2018  2024-05-06  Cases 2018"
    assert page.strip() == f"https://{socrata.domain}/d/case-2018"
    assert second.endswith("…")
    assert all(len(line) <= 80 for line in ran.stdout.splitlines())


def test_rows_are_counted_where_they_are_asked_for(socratasync: Command, socrata: Server) -> None:
    ran = socratasync("search", socrata.domain, "cases", "--rows")

    assert [line.split()[2] for line in ran.stdout.splitlines()[1::2]] == ["30", "1,234"]


def test_programs_get_json(socratasync: Command, socrata: Server) -> None:
    ran = socratasync("search", socrata.domain, "2018", "-o", "json")

    assert json.loads(ran.stdout) == [
        {
            "id": "case-2018",
            "name": "Cases 2018",
            "rows": None,
            "dataUpdatedAt": json.loads(ran.stdout)[0]["dataUpdatedAt"],
            "page": f"https://{socrata.domain}/d/case-2018",
        }
    ]
    assert json.loads(ran.stdout)[0]["dataUpdatedAt"].startswith("2024-05-06T07:00:00")


def test_no_words_are_all_datasets_and_a_limit_holds(socratasync: Command, socrata: Server) -> None:
    everything = socratasync("search", socrata.domain, "-o", "json")
    one = socratasync("search", f"https://{socrata.domain}/browse", "--limit", "1", "-o", "json")

    assert len(json.loads(everything.stdout)) == 3
    assert len(json.loads(one.stdout)) == 1


def test_nothing_found_is_said(socratasync: Command, socrata: Server) -> None:
    ran = socratasync("search", socrata.domain, "no", "such", "thing")

    assert (ran.returncode, ran.stdout) == (0, "")
    assert "has no dataset with the words no such thing" in " ".join(ran.stderr.split())
    assert json.loads(socratasync("search", socrata.domain, "nothing", "-o", "json").stdout) == []


def test_a_portal_without_a_catalogue_is_told_of(
    socratasync: Command, socrata: Server, portal: Portal
) -> None:
    portal.faults.add(Fault.status(404), times=99)
    ran = socratasync("search", socrata.domain, "cases")

    assert ran.returncode == 75
    assert f"the catalogue of {socrata.domain} does not answer" in " ".join(ran.stderr.split())


def test_what_is_no_domain_is_refused(socratasync: Command) -> None:
    ran = socratasync("search", "no domain", "cases")

    assert ran.returncode == 78
    assert "names no portal: give its host" in " ".join(ran.stderr.split())
