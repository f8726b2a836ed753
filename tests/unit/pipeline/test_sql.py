from __future__ import annotations

import re
from importlib.resources import files

import pytest

from socratasync.pipeline.target.sql.statements import load

FILES = [
    path.name.removesuffix(".sql")
    for path in files("socratasync.pipeline.target.sql").iterdir()
    if path.name.endswith(".sql")
]


@pytest.mark.parametrize("file", FILES)
def test_every_statement_is_named_and_described(file: str) -> None:
    statements = load(file)

    assert statements
    for name, text in statements.items():
        assert re.fullmatch(r"[a-z_]+", name)
        description, _, statement = text.partition("\n")
        assert description.startswith("-- "), name
        assert statement.strip(), name


@pytest.mark.parametrize("file", FILES)
def test_no_name_is_given_twice(file: str) -> None:
    text = (files("socratasync.pipeline.target.sql") / f"{file}.sql").read_text()

    names = re.findall(r"^-- ([a-z_]+) --$", text, re.MULTILINE)
    assert len(names) == len(set(names)) == len(load(file))


def test_what_a_run_may_lose_is_unlogged_and_what_it_may_not_is_not() -> None:
    text = load("migrations")["create_bookkeeping"]

    assert "CREATE UNLOGGED TABLE IF NOT EXISTS socratasync.checkpoints" in text
    assert "CREATE TABLE IF NOT EXISTS socratasync.datasets" in text
    assert "CREATE TABLE IF NOT EXISTS socratasync.runs" in text
