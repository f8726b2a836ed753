from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from socratasync.pipeline.stage.counts import (
    Asked,
    Counted,
    Held,
    allowed_difference,
    contradiction,
    is_in,
    suspicious_loss,
)


@pytest.mark.parametrize(
    ("tolerance", "rows", "allowed"),
    [
        (0, 1000, 0),
        (7, 1000, 7),
        ("7", 1000, 7),
        ("0.5%", 1000, 5),
        ("0.5%", 1999, 9),
        ("0%", 1000, 0),
        ("100%", 3, 3),
        ("0.1%", 1_500_000, 1500),
    ],
)
def test_a_tolerance_is_a_number_of_rows_or_a_share_of_them(
    tolerance: int | str, rows: int, allowed: int
) -> None:
    assert allowed_difference(tolerance, rows) == allowed


@pytest.mark.parametrize(
    ("staged", "before", "after", "tolerance", "agrees"),
    [
        pytest.param(100, 100, 100, 0, True, id="every row came"),
        pytest.param(99, 100, 100, 0, False, id="one is missing"),
        pytest.param(101, 100, 100, 0, False, id="one is too many"),
        pytest.param(100, 100, 110, 0, True, id="rows added meanwhile may be missing"),
        pytest.param(110, 100, 110, 0, True, id="or be there"),
        pytest.param(105, 100, 110, 0, True, id="or some of them"),
        pytest.param(99, 100, 110, 0, False, id="but no others"),
        pytest.param(111, 100, 110, 0, False, id="and no more"),
        pytest.param(95, 100, 90, 0, True, id="rows deleted meanwhile may have been seen"),
        pytest.param(89, 100, 90, 0, False, id="those that stayed must be"),
        pytest.param(0, 0, 0, 0, True, id="nothing of nothing"),
        pytest.param(0, 5, 5, 0, False, id="nothing of something"),
        pytest.param(98, 100, 100, 2, True, id="within the tolerance"),
        pytest.param(97, 100, 100, 2, False, id="beyond the tolerance"),
        pytest.param(102, 100, 100, 2, True, id="too many within the tolerance"),
        pytest.param(103, 100, 100, 2, False, id="too many beyond it"),
        pytest.param(995, 1000, 1000, "0.5%", True, id="within a share"),
        pytest.param(994, 1000, 1000, "0.5%", False, id="beyond a share"),
    ],
)
def test_what_was_staged_agrees_with_what_the_source_counts(
    staged: int, before: int, after: int, tolerance: int | str, agrees: bool
) -> None:
    assert Counted(staged=staged, before=before, after=after).agrees(tolerance) is agrees


def test_a_difference_is_told_in_numbers() -> None:
    assert Counted(staged=1999, before=2000, after=2000).sentence("abcd-1234") == (
        "dataset abcd-1234: 1,999 rows came, but Socrata counts 2,000"
    )
    assert "2,000 to 2,100" in Counted(staged=1, before=2000, after=2100).sentence("abcd-1234")


KEYED = Asked(key=("srnumber",), where=False)


@pytest.mark.parametrize(
    ("source", "held", "tolerance", "agrees"),
    [
        pytest.param([100], Held(rows=100), 0, True, id="all are there"),
        pytest.param([100], Held(rows=99), 0, False, id="one is not"),
        pytest.param([100], Held(rows=101), 0, False, id="one more is there"),
        pytest.param([100], Held(rows=99, left_out=1), 0, False, id="one has no key of its own"),
        pytest.param([100], Held(rows=99, owed=1), 0, False, id="one is to be read anew"),
        pytest.param([100], Held(rows=99, left_out=1), 1, True, id="one too few is allowed"),
        pytest.param([100], Held(rows=101), 1, True, id="one too many is allowed"),
        pytest.param([1000], Held(rows=990), "1%", True, id="a share too few is allowed"),
        pytest.param([1000], Held(rows=1011), "1%", False, id="a larger share too many is not"),
        pytest.param([100], Held(rows=60, shared=40), 0, True, id="others stand for the rest"),
        pytest.param([100], Held(rows=60, shared=39), 0, False, id="for all but one"),
        pytest.param([100], Held(rows=61, shared=40), 0, False, id="more than others stand for"),
        pytest.param(
            [100], Held(rows=100, left_out=1), 0, False, id="one too many instead of one left out"
        ),
        pytest.param(
            [100], Held(rows=99, shared=1, owed=1), 1, True, id="both within the tolerance"
        ),
        pytest.param([100], Held(rows=101, shared=40), 0, False, id="sharing explains no more"),
        pytest.param([100, 90], Held(rows=95), 0, True, id="the source shrank meanwhile"),
        pytest.param([100, 90], Held(rows=89), 0, False, id="by less than are missing"),
    ],
)
def test_a_target_agrees_with_what_the_source_counted(
    source: list[int], held: Held, tolerance: int | str, agrees: bool
) -> None:
    assert is_in(held, source, tolerance) is agrees


@pytest.mark.parametrize(
    ("held", "asked", "says"),
    [
        pytest.param(Held(rows=9), KEYED, "a full run brings the rest", id="too few"),
        pytest.param(
            Held(rows=9, left_out=1),
            KEYED,
            "1 row has no srnumber of its own and is left out. Choose columns for spec.target.key",
            id="for want of keys",
        ),
        pytest.param(
            Held(rows=9, left_out=1, owed=1), KEYED, "read anew by the next run", id="for now"
        ),
        pytest.param(
            Held(rows=11), KEYED, "gone at the source stay until a full run", id="too many"
        ),
        pytest.param(
            Held(rows=11), replace(KEYED, where=True), "no longer meet its where", id="by a where"
        ),
        pytest.param(
            Held(rows=20),
            Asked(key=("socrata_id",), where=True),
            "published anew have new :ids",
            id="by new ids",
        ),
        pytest.param(
            Held(rows=7, shared=2), KEYED, "shares 2 with other datasets", id="some are shared"
        ),
    ],
)
def test_a_contradiction_says_what_helps(held: Held, asked: Asked, says: str) -> None:
    sentence = contradiction("abcd-1234", held, 10, asked)

    assert sentence.startswith(f"dataset abcd-1234: the target holds {held.rows} of its rows")
    assert says in sentence


@pytest.mark.parametrize(
    ("staged", "before", "after", "moved", "exact"),
    [
        pytest.param(100, 100, 100, False, True, id="a source that stood still"),
        pytest.param(100, 100, 100, True, False, id="one whose numbers agree by chance"),
        pytest.param(95, 100, 90, False, False, id="one that loses rows meanwhile"),
        pytest.param(100, 100, 110, False, False, id="one that gets rows meanwhile"),
    ],
)
def test_only_a_source_that_stood_still_says_what_is_gone(
    staged: int, before: int, after: int, moved: bool, exact: bool
) -> None:
    assert Counted(staged=staged, before=before, after=after, moved=moved).is_exact is exact


@pytest.mark.parametrize(
    ("staged", "before", "after", "tolerance", "steady"),
    [
        pytest.param(100, 100, 100, 0, True, id="nothing lies between them"),
        pytest.param(100, 100, 101, 0, False, id="one came"),
        pytest.param(100, 101, 100, 0, False, id="one went"),
        pytest.param(99, 100, 100, 1, True, id="one is missing, and allowed"),
        pytest.param(99, 100, 101, 1, False, id="two lie between the least and the most"),
        pytest.param(200, 199, 198, "1%", True, id="a share of the most"),
        pytest.param(198, 198, 199, "0.5%", False, id="which is less than a row"),
    ],
)
def test_counts_are_steady_where_nothing_but_the_tolerance_lies_between_them(
    staged: int, before: int, after: int, tolerance: int | str, steady: bool
) -> None:
    assert Counted(staged=staged, before=before, after=after).is_steady(tolerance) is steady


NOW = datetime(2026, 3, 4, 5, tzinfo=UTC)
A_DAY, A_SECOND = timedelta(days=1), timedelta(seconds=1)
JUST_NOW, TWO_DAYS_AGO = NOW - timedelta(minutes=5), NOW - timedelta(days=2)


@pytest.mark.parametrize(
    ("had", "rows", "changed_at", "suspicious"),
    [
        pytest.param(2000, 900, JUST_NOW, True, id="most of many rows gone just now"),
        pytest.param(2000, 900, None, True, id="or nobody knows when"),
        pytest.param(2000, 900, TWO_DAYS_AGO, False, id="for days: that is how it is now"),
        pytest.param(2000, 900, NOW - A_DAY, False, id="for a day to the second"),
        pytest.param(2000, 900, NOW - A_DAY + A_SECOND, True, id="for a second less"),
        pytest.param(2000, 1, TWO_DAYS_AGO, False, id="one row is some"),
        pytest.param(2000, 1000, JUST_NOW, False, id="a half of them"),
        pytest.param(2000, 999, JUST_NOW, True, id="one less than a half"),
        pytest.param(1000, 499, JUST_NOW, True, id="a thousand are many"),
        pytest.param(2000, 0, TWO_DAYS_AGO, True, id="no row at all, for however long"),
        pytest.param(999, 0, JUST_NOW, False, id="few rows may all go"),
        pytest.param(0, 5000, JUST_NOW, False, id="a first load"),
    ],
)
def test_a_large_dataset_that_lost_most_of_its_rows_is_not_believed_at_once(
    had: int, rows: int, changed_at: datetime | None, suspicious: bool
) -> None:
    sentence = suspicious_loss("abcd-1234", had, rows, changed_at, NOW)
    assert (sentence is not None) is suspicious
    if sentence:
        assert "spec.verify.rowCount" in sentence
        assert f"has {rows:,} rows, the target {had:,} of it" in sentence
        passes = rows > 0 and changed_at is not None
        assert ("just now. Once it has been so for a day" in sentence) is passes
        assert ("just now. To delete them at once" in sentence) is not passes


REST, ANEW = "a full run brings the rest", "read anew by the next run"
LEFT_OUT, STAY = "left out. Choose columns", "until a full run with spec.target.prune"


@pytest.mark.parametrize(
    ("held", "advice"),
    [
        pytest.param(Held(rows=9), {REST}, id="one too few"),
        pytest.param(Held(rows=8, shared=1), {REST}, id="one too few beside a shared one"),
        pytest.param(Held(rows=9, owed=1), {ANEW}, id="one that is owed"),
        pytest.param(Held(rows=8, owed=1), {ANEW}, id="one that is owed and one too few"),
        pytest.param(Held(rows=9, left_out=1), {LEFT_OUT}, id="one without a key of its own"),
        pytest.param(Held(rows=8, left_out=2), {LEFT_OUT}, id="two without"),
        pytest.param(Held(rows=9, shared=1), set(), id="nothing that anything would help"),
        pytest.param(Held(rows=9, left_out=1, owed=1), {ANEW, STAY}, id="both, and one too many"),
        pytest.param(Held(rows=11), {STAY}, id="one too many"),
        pytest.param(Held(rows=10, shared=1), {STAY}, id="one too many beside a shared one"),
        pytest.param(Held(rows=10, left_out=1), {LEFT_OUT, STAY}, id="one of each"),
    ],
)
def test_a_contradiction_gives_the_advice_that_fits_and_no_other(
    held: Held, advice: set[str]
) -> None:
    sentence = contradiction("abcd-1234", held, 10, KEYED)

    assert {each for each in (REST, ANEW, LEFT_OUT, STAY) if each in sentence} == advice
    also = " and shares 1 with other datasets" if held.shared else ""
    assert f"of its rows{also}, Socrata counts 10" in sentence
