"""Figures of a dataset as a whole: what is asked, and what is read of the answer."""

from __future__ import annotations

from datetime import date

import pytest

from socratasync.errors import SourceUnavailable
from socratasync.pipeline.source import figures
from socratasync.pipeline.source.soda2 import SODA2
from socratasync.pipeline.source.soda3 import statement


def test_values_of_several_columns_are_counted_at_once() -> None:
    assert statement(figures.distinct(["id", "where"])) == (
        "SELECT count(*) as source_rows, count(distinct id) as values_0, count(distinct `where`) as values_1"
    )


def test_days_are_asked_of_either_interface_alike() -> None:
    assert statement(figures.days()) == (
        "SELECT date_trunc_ymd(:updated_at) as day_of_change, count(*) as source_rows\n"
        "GROUP BY day_of_change\nORDER BY day_of_change desc\nLIMIT 100"
    )
    assert SODA2.ask("abcd-1234", figures.days(), "json", 1).parameters == {
        "$select": "date_trunc_ymd(:updated_at) as day_of_change,count(*) as source_rows",
        "$group": "day_of_change",
        "$order": "day_of_change desc",
        "$limit": "100",
    }


@pytest.mark.parametrize(
    "body",
    [
        b'[{"source_rows":"9","values_0":"9","values_1":"7"}]',
        b'[{"source_rows":9,"values_0":9,"values_1":7}]',
    ],
)
def test_counts_are_read_by_field(body: bytes) -> None:
    assert figures.read_distinct("x", body, ["id", "no"]) == (9, {"id": 9, "no": 7})


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        b"<html>",
        b'[{"source_rows":"9"}]',
        b'[{"source_rows":"9","values_0":null}]',
        b'[{"source_rows":"-9","values_0":"9"}]',
        b'[{"source_rows":"9","values_0":"9"},{}]',
        b'[{"source_rows":"9","values_0":"' + b"9" * 19 + b'"}]',
    ],
)
def test_what_is_no_count_of_all_is_refused(body: bytes) -> None:
    with pytest.raises(SourceUnavailable, match="count of values of x"):
        figures.read_distinct("x", body, ["id"])


def test_days_come_in_order_and_each_once() -> None:
    body = (
        b'[{"day_of_change":"2024-05-02T00:00:00.000Z","source_rows":"5"},{"source_rows":"1"},'
        b'{"day_of_change":"2024-05-01T00:00:00.000"},{"day_of_change":"2024-05-02T00:00:00.000"}]'
    )

    assert figures.read_days("x", body) == [date(2024, 5, 1), date(2024, 5, 2)]


@pytest.mark.parametrize("body", [b"{}", b'[{"day_of_change":"yesterday"}]'])
def test_what_is_no_day_is_refused(body: bytes) -> None:
    with pytest.raises(SourceUnavailable):
        figures.read_days("x", body)
