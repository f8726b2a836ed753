"""Which columns a person may have meant."""

from __future__ import annotations

import pytest

from socratasync.pipeline.plan.nearest import nearest, sentence

LABELS = {
    "service_request_id": "CaseID",
    "requested_datetime": "Opened",
    "closed_date": "Closed",
    "closed_date_1": "",
    "closed_date_2": "",
    "closed_date_3": "",
    "straße": "",
}

NEAREST = [
    # the name that was written, the columns that are near
    ("CaseID", ["service_request_id"]),
    ("case_id", ["service_request_id"]),
    ("Case ID", ["service_request_id"]),
    ("ServiceRequestId", ["service_request_id"]),
    ("service_requestid", ["service_request_id"]),
    ("opened", ["requested_datetime"]),
    ("STRASSE", ["straße"]),
    ("closeddate", ["closed_date", "closed_date_1", "closed_date_2"]),
    ("close_date_3", ["closed_date_3", "closed_date", "closed_date_1"]),
    ("opened_at", ["requested_datetime"]),
    ("acres", []),
    ("_", []),
]


@pytest.mark.parametrize(("wanted", "near"), NEAREST)
def test_names_and_labels_that_look_alike_are_near(wanted: str, near: list[str]) -> None:
    assert nearest(wanted, LABELS) == near


def test_three_letters_in_ten_may_be_others() -> None:
    assert nearest("abcdefghij", {"abcdefgxyz": "", "abcdefwxyz": ""}) == ["abcdefgxyz"]


def test_columns_without_letters_are_near_to_nothing() -> None:
    assert nearest("_", {"__": "--"}) == []


SENTENCES = [
    # the names that were written, what is said
    (["CaseID"], 'Nearest to CaseID: service_request_id (the portal shows it as "CaseID"). '),
    (["closed_date3"], 'Nearest to closed_date3: closed_date_3, closed_date (the portal shows it as "Closed"), closed_date_1. '),
    (["acres"], ""),
    (["acres", "strasse"], "Nearest to strasse: straße. "),
    ([], ""),
]  # fmt: skip


@pytest.mark.parametrize(("missing", "said"), SENTENCES)
def test_a_person_is_told_the_name_and_what_the_portal_shows(missing: list[str], said: str) -> None:
    assert sentence(missing, LABELS) == said


def test_a_label_that_is_the_name_is_not_repeated() -> None:
    assert sentence(["name_"], {"name": "name"}) == "Nearest to name_: name. "
