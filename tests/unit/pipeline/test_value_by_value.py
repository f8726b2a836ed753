"""What happens in Python to a page that is read value by value: bytes are escaped, and a few are told of."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.contract.bad_values import BadValueExample
from socratasync.pipeline.columns import Column
from socratasync.pipeline.stage.refused_value import sentence
from socratasync.pipeline.stage.value_by_value import Escaping, readable, unescaped
from socratasync.pipeline.stage.value_statements import StageColumn, is_about_a_value
from socratasync.pipeline.target.catalog import Target, TargetColumn

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=6),
        st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace")),
        st.sampled_from([b"\x00", b"\x01", b"\xff", b"\xc3", b"\xe6\x9d", b'","', b"\n"]),
    ),
    max_size=20,
)


def as_sent(data: bytes) -> bytes:
    """What the server makes of an escaped text (``values.sql``, unescaped)."""
    return re.sub(b"\x01([0-9a-f]{2})", lambda found: bytes.fromhex(found[1].decode()), data)


@given(PIECES, st.booleans())
def test_every_byte_is_sent_plain_or_escaped_wherever_chunks_end(
    chunks: list[bytes], utf8: bool
) -> None:
    escaping = Escaping(utf8=utf8)

    sent = b"".join(escaping.applied(chunks))

    assert as_sent(sent) == b"".join(chunks)
    assert "\x00" not in sent.decode("utf-8" if utf8 else "ascii")
    assert escaping.happened is (sent != b"".join(chunks))


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\x00\x01", codec="utf-8"))))
def test_what_every_text_holds_is_sent_as_it_is(texts: list[str]) -> None:
    chunks = [text.encode() for text in texts]
    escaping = Escaping(utf8=True)

    assert b"".join(escaping.applied(chunks)) == b"".join(chunks)
    assert not escaping.happened


@pytest.mark.parametrize(
    ("escaped", "told"),
    [
        ("plain", "plain"),
        ("a\x0100b", "a\\x00b"),
        ("a\x01ffb", "a\\xffb"),
        ("\x01c3\x01a4", "ä"),
        ("\x0101", "\\x01"),
        ("cut \x01f", "cut \\x01f"),
        ("two\nlines", "two\\nlines"),
    ],
)
def test_a_value_is_told_on_one_line(escaped: str, told: str) -> None:
    assert readable(unescaped(escaped)) == told


@pytest.mark.parametrize("state", ["22P02", "22021", "23514", "23502", "54000", "0A000", "42601"])
def test_a_type_refuses_a_value_by_these_states(state: str) -> None:
    assert is_about_a_value(state)


@pytest.mark.parametrize(
    "state",
    [None, "", "08006", "40P01", "42501", "42P01", "53100", "55P03", "57014", "58030", "XX001"],
)
def test_other_states_say_nothing_of_values(state: str | None) -> None:
    assert not is_about_a_value(state)


HOUSES = Column(name="houses", field="houses", source_type="number", type="integer")
THERE = TargetColumn(
    name="houses", type="integer", required=False, has_default=False, generated=False
)
NO_TABLE = Target(schema="public", table="requests")
TABLE = Target(schema="public", table="requests", kind="r", columns=(THERE,))
ALTER = 'run ALTER TABLE public.requests ALTER COLUMN "houses" TYPE text'
WRITE = "write houses: text in spec.target.fields"
GIVE = "write houses: text in spec.target.types"
EITHER = 'set spec.target.onBadValue to "Null" or "Skip"'


@pytest.mark.parametrize(
    ("target", "chosen", "takes_null", "is_text", "ways", "types"),
    [
        pytest.param(TABLE, {}, True, True, [ALTER, EITHER], {}, id="a table"),
        pytest.param(
            TABLE,
            {"houses": "integer"},
            True,
            True,
            [f"{ALTER}, and {WRITE}", EITHER],
            {},
            id="a table, and the manifest says the same",
        ),
        pytest.param(TABLE, {"houses": ""}, True, True, [ALTER, EITHER], {}, id="a table alone"),
        pytest.param(
            NO_TABLE,
            {},
            True,
            True,
            [GIVE, EITHER],
            {},
            id="no table yet",
        ),
        pytest.param(
            NO_TABLE,
            {"houses": "integer"},
            True,
            True,
            [WRITE, EITHER],
            {},
            id="no table but a type",
        ),
        pytest.param(
            TABLE,
            {},
            True,
            True,
            [f"{ALTER}, and {GIVE}", EITHER],
            {"houses": "integer"},
            id="a table, and the manifest gives that type",
        ),
        pytest.param(
            NO_TABLE, {}, True, True, [GIVE, EITHER], {"houses": "integer"}, id="no table, a type"
        ),
        pytest.param(TABLE, {}, True, False, [EITHER], {}, id="what no text holds"),
        pytest.param(
            TABLE,
            {},
            False,
            True,
            [ALTER, 'set spec.target.onBadValue to "Skip"'],
            {},
            id="a key",
        ),
    ],
)
def test_the_advice_is_what_works_for_that_column(
    target: Target,
    chosen: dict[str, str],
    takes_null: bool,
    is_text: bool,
    ways: list[str],
    types: dict[str, str],
) -> None:
    told = sentence(
        dataset="abcd-1234",
        example=BadValueExample(row="row-1", column="houses", value="many"),
        why="no integer",
        others=2,
        column=HOUSES,
        staged=StageColumn(name="houses", base="integer", takes_null=takes_null),
        is_text=is_text,
        target=target,
        chosen=chosen,
        types=types,
    )

    assert told == (
        'dataset abcd-1234, row row-1: column houses (integer) does not take "many" (and 2 more): no integer. '
        f"{', or '.join(['Correct it at the source', *ways])}"
    )
