"""``docs/architecture.md`` shows the house as it is: its folders, and where questions are answered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "socratasync"
SIMULATOR = ROOT / "operator" / "socrata_simulator"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
MOST_MODULES_FOR_A_ROW = 9


def section(title: str) -> str:
    return PAGE.partition(f"\n### {title}\n")[2].partition("\n### ")[0]


def paths(text: str) -> list[str]:
    return re.findall(r"`([a-z_/]+(?:/|\.py))`", text)


QUESTIONS = dict(
    re.findall(r"^\| ([^|]+\?) \| (.+) \|$", section("Where a question is answered"), re.M)
)
ONE_ROW = paths(section("One row, from the socket to the table"))
PICTURE = PAGE.partition("```text\n")[2].partition("```")[0]


def test_at_least_twenty_questions_are_answered() -> None:
    assert len(QUESTIONS) >= 20


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_by_files_that_exist(question: str) -> None:
    answers = paths(QUESTIONS[question])

    assert answers
    assert [path for path in answers if not (PACKAGE / path).exists()] == []


def test_one_row_passes_through_few_modules_that_exist() -> None:
    assert 0 < len(ONE_ROW) <= MOST_MODULES_FOR_A_ROW
    assert [path for path in ONE_ROW if not (PACKAGE / path).is_file()] == []


def test_the_picture_shows_every_folder_and_no_other() -> None:
    folders = {
        path.parent.name
        for package in (PACKAGE, SIMULATOR)
        for path in package.rglob("__init__.py")
        if path.parent != PACKAGE
    }
    within = {"kubectl", "sql"}  # a part of cli/, a part of target/

    assert set(re.findall(r"([a-z_]+)/", PICTURE)) == folders - within
