"""What a portal says of an interface's end arrives as it was written, whatever a header may hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from socratasync.contract.notices import MOST_NOTICES, NOTICE_CHARACTERS, Notice, written
from socratasync.contract.report import RunReport
from socratasync.contract.report_text import encode, read

JUNE = datetime(2027, 6, 1, tzinfo=UTC)


def report(*notices: Notice) -> RunReport:
    return RunReport(run="la-311-x", mode="update", notices=list(notices))


@pytest.mark.parametrize("notice", [Notice("SODA2", "it ends", JUNE), Notice("SODA3", "it ends")])
def test_a_notice_is_read_back_as_it_was_written(notice: Notice) -> None:
    assert Notice.from_dict(notice.as_dict()) == notice


@pytest.mark.parametrize(
    ("date", "told"),
    [
        (JUNE, JUNE),
        (datetime(2027, 6, 1, 2, tzinfo=timezone(timedelta(hours=2))), JUNE),
        (datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), None),
        (datetime(9998, 12, 31, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)),
        (datetime(9999, 1, 1, tzinfo=UTC), None),
        (datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), None),
        (datetime(2027, 6, 1), None),  # noqa: DTZ001 - as a header's date may be
        (None, None),
    ],
    ids=str,
)
def test_a_date_that_no_status_can_carry_is_none(
    date: datetime | None, told: datetime | None
) -> None:
    found = read(encode(report(Notice("SODA2", "it ends", date)).as_dict()))

    assert found is not None
    assert found.notices is not None
    assert [each.date for each in found.notices] == [told]


def test_what_every_page_says_is_told_once_and_more_than_can_be_said_is_not() -> None:
    same = [Notice("SODA2", "it ends")] * 3
    others = [Notice("SODA2", f"it ends {number}") for number in range(9)]

    assert [each["text"] for each in written(same + others)] == [
        "it ends",
        *(f"it ends {number}" for number in range(MOST_NOTICES - 1)),
    ]


def test_a_text_is_masked_before_it_is_cut_and_can_be_stored() -> None:
    long = report(Notice("SODA2", f"token s3cret ends\0 {'ü' * 900}"))
    long.redact = lambda text: text.replace("s3cret", "***")

    (told,) = long.as_dict()["notices"]

    assert told["text"].startswith("token *** ends\\x00 ")
    assert len(told["text"]) == NOTICE_CHARACTERS


def test_a_worker_that_does_not_know_of_notices_says_nothing_about_them() -> None:
    older = report().as_dict()
    del older["notices"]

    found, now = read(encode(older)), read(encode(report().as_dict()))

    assert found is not None
    assert now is not None
    assert (found.notices, now.notices) == (None, ())
