"""How a table and a sync are called after a dataset."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from socratasync.api.names import ObjectName, TableName
from socratasync.suggest.names import LONGEST, object_name, table_name


@pytest.mark.parametrize(
    ("title", "table"),
    [
        ("MyLA311 Service Request Data 2018", "myla311_service_request_data"),
        ("MyLA311 Cases 2026", "myla311_cases"),
        ("311 Service Requests", "data_311_service_requests"),
        ("2019", "dataset_abcd_1234"),
        ("Budget 2018-2019", "budget_2018_2019"),
        ("Árboles de Bogotá", "arboles_de_bogota"),
        ("O'Farrell's Parks; DROP TABLE", "ofarrells_parks_drop_table"),
        ("東京都", "dataset_abcd_1234"),
        ("", "dataset_abcd_1234"),
        ("User", "user_data"),
        ("Order", "order_data"),
        ("Point", "point_data"),
        ("PG Stat", "data_pg_stat"),
        (
            "NYPD Complaint Data Historic of All Boroughs and More",
            "nypd_complaint_data_historic_of_all",
        ),
        ("x" * 100, "x" * LONGEST),
    ],
)
def test_a_table_is_called_as_its_dataset(title: str, table: str) -> None:
    assert table_name(title, "abcd-1234") == table


@given(st.text(max_size=80))
def test_every_name_is_one_that_postgresql_and_kubernetes_take(title: str) -> None:
    table = table_name(title, "abcd-1234")
    name = object_name(table)

    assert TypeAdapter(TableName).validate_python(table) == table
    assert TypeAdapter(ObjectName).validate_python(name) == name
    assert re.fullmatch("[a-z][a-z0-9_]*", table)
    assert len(table) <= LONGEST + len("_data")
