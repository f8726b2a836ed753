"""What comments say, and which of them are to be written."""

from __future__ import annotations

import pytest

from socratasync.pipeline.finish.comment_text import wanted
from socratasync.pipeline.target.comments import TABLE, Told, differing, is_ours, marked

ABOUT = {
    "title": "City Parks",
    "description": "All parks",
    "attribution": "Department of Parks",
    "licence": "Public Domain",
    "address": "https://data.example.org/d/park-0001",
}


def told(number: int, about: dict[str, str] | None = None, acres: str | None = None) -> Told:
    described = {"acres": acres} if acres else {}
    return Told(dataset=f"park-000{number}", about=about or {}, described=described)


def of_table(*datasets: Told) -> str | None:
    return wanted(datasets).get(TABLE)


def of_column(*texts: str | None) -> str | None:
    datasets = [told(n, acres=text) for n, text in enumerate(texts, 1)]
    return wanted(datasets).get("acres")


def test_one_dataset_is_told_with_all_that_is_said() -> None:
    assert of_table(told(1, ABOUT)) == marked(
        "City Parks\nAll parks\nAttribution: Department of Parks\nLicence: Public Domain\n"
        "Source: https://data.example.org/d/park-0001"
    )


def test_several_datasets_are_told_in_a_line_each() -> None:
    long = {"title": "Old", "description": "x" * 201}

    assert of_table(told(1, ABOUT), told(2, long)) == marked(
        "2 datasets:\n"
        "City Parks | All parks | Attribution: Department of Parks | Licence: Public Domain | "
        "Source: https://data.example.org/d/park-0001\n"
        f"Old | {'x' * 199}…"
    )


def test_a_dataset_of_which_nobody_noted_anything_is_not_told() -> None:
    assert of_table() is None
    assert of_table(told(1)) is None
    assert of_table(told(1, {"title": "Parks"}), told(2)) == marked("Parks")


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["Area"], "Area"),
        (["Area", "Area"], "Area"),
        (["Area", None], "Area"),
        ([None], None),
        (["Area", "Size"], "Area (park-0001)\nSize (park-0002)"),
        (["Area", "Size", "Area"], "Area (park-0001, park-0003)\nSize (park-0002)"),
        (
            ["Area"] * 6 + ["Size"],
            "Area (park-0001, park-0002, park-0003, park-0004, park-0005 and 1 more)\nSize (park-0007)",
        ),
    ],
)
def test_a_column_is_told_once_where_its_datasets_agree(
    texts: list[str | None], said: str | None
) -> None:
    assert of_column(*texts) == (said and marked(said))


@pytest.mark.parametrize("text", ["", "one", "one\ntwo", "(Socrata Sync 01234567)", "grün"])
def test_what_we_mark_is_ours_until_somebody_edits_it(text: str) -> None:
    comment = marked(text)

    assert is_ours(comment)
    assert comment.startswith(f"{text}\n(Socrata Sync ")
    for edited in (f"{comment} ", f" {comment}", f"x{comment}", comment[:-2] + ")", text, "mine"):
        assert not is_ours(edited)


OURS, NEW = marked("as it was"), marked("as it is")


@pytest.mark.parametrize(
    ("there", "written"),
    [
        ({"acres": None}, {"acres": NEW}),
        ({"acres": OURS}, {"acres": NEW}),
        ({"acres": NEW}, {}),
        ({"acres": ""}, {}),
        ({"acres": "his own"}, {}),
        ({"acres": OURS.replace("was", "is")}, {}),
        ({}, {}),
        ({"other": None}, {}),
    ],
    ids=[
        "none",
        "ours",
        "the same",
        "a person's",
        "a person's text",
        "edited",
        "no table",
        "no column",
    ],
)
def test_only_what_is_missing_or_ours_and_differs_is_written(
    there: dict[str, str | None], written: dict[str, str]
) -> None:
    assert differing({"acres": NEW}, there) == written
