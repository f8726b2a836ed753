"""Which rows share a key, as the source counts them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from tests.unit.pipeline.plans import PLAN

from socrata_simulator.http.server import Server
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.columns import Column
from socratasync.pipeline.plan.keys import (
    MOST_GROUPS,
    SharedKey,
    SharedKeys,
    asked_of,
    count_shared,
    find_shared,
)
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.source.answers import KeyGroup
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.retry import RetryPolicy

NUMBER = Column(name="number", field=":@no", source_type="text", type="text")
STREET = Column(name="street", field="street", source_type="text", type="text")


def planned(*key: str, provenance: bool = True, where: str | None = None) -> DatasetPlan:
    shape = replace(PLAN.shape, columns=(NUMBER, STREET), key=key, provenance=provenance)
    return replace(PLAN, dataset="hous-0001", shape=shape, where=where)


ASKED = [
    # the key, what is grouped by
    (("number",), {"number": ":@no"}),
    (("street", "number"), {"number": ":@no", "street": "street"}),
    (("number", "socrata_dataset"), {"number": ":@no"}),
    (("number", "socrata_updated_at"), {"number": ":@no", "socrata_updated_at": ":updated_at"}),
    (("socrata_id",), None),
    (("number", "socrata_id"), None),
    (("socrata_dataset",), None),
]


@pytest.mark.parametrize(("key", "fields"), ASKED)
def test_keys_are_fields_of_the_source(key: tuple[str, ...], fields: dict[str, str] | None) -> None:
    assert asked_of(planned(*key).shape) == fields


def test_without_provenance_its_names_are_columns_like_others() -> None:
    same = [
        Column(name=name, field=f"f_{name}", source_type="text", type="text")
        for name in ("socrata_id", "socrata_updated_at")
    ]
    shape = replace(planned(provenance=False).shape, columns=tuple(same))

    assert asked_of(replace(shape, key=("socrata_id", "socrata_updated_at"))) == {
        "socrata_id": "f_socrata_id",
        "socrata_updated_at": "f_socrata_updated_at",
    }


def group(rows: int, *values: str | None) -> KeyGroup:
    key = {f"key_{n}": value for n, value in enumerate(values, 1) if value is not None}
    return KeyGroup(key=key, rows=rows)


NAMES = {"key_1": "number", "key_2": "street"}
AB = SharedKey(key={"number": "a", "street": "b"}, rows=3)

COUNTED = [
    pytest.param([], SharedKeys(), id="none"),
    pytest.param([group(3, "a", "b")], SharedKeys(rows=3, keys=1, examples=(AB,)), id="one"),
    pytest.param(
        [group(1, "c", "d"), group(3, "a", "b"), group(2, "a", None), group(1, None, None)],
        SharedKeys(rows=3, keys=1, without_key=3, examples=(AB,)),
        id="some lack a part",
    ),
    pytest.param(
        [group(3, "a", "b")] * 4,
        SharedKeys(rows=12, keys=4, examples=(AB,) * 3),
        id="three are told",
    ),
    pytest.param(
        [group(3, "a", "b")] * (MOST_GROUPS - 1),
        SharedKeys(rows=2997, keys=999, examples=(AB,) * 3),
        id="as many as could come",
    ),
    pytest.param(
        [group(3, "a", "b")] * MOST_GROUPS,
        SharedKeys(rows=3000, keys=1000, is_all=False, examples=(AB,) * 3),
        id="perhaps more than could come",
    ),
]


@pytest.mark.parametrize(("groups", "shared"), COUNTED)
def test_groups_are_counted(groups: list[KeyGroup], shared: SharedKeys) -> None:
    assert count_shared(groups, NAMES) == shared


@pytest.fixture(name="source")
def _source(socrata: Server, portal: Portal) -> Iterator[Source]:
    columns = [(":@no", "text"), ("street", "text")]
    rows = [("1", "a"), ("1", "a"), ("1", "b"), ("2", "b"), (None, "b"), (None, "b")]
    portal.add_dataset(
        "hous-0001", columns, [{":@no": number, "street": street} for number, street in rows]
    )
    with closing(Source(socrata.domain, policy=RetryPolicy(attempts=1))) as source:
        yield source


def test_the_source_counts_the_rows_that_the_manifest_selects(
    source: Source, portal: Portal
) -> None:
    first = SharedKey(key={"number": "1"}, rows=3)
    second = SharedKey(key={"number": "1", "street": "a"}, rows=2)

    asked = len(portal.requests)
    found = find_shared(source, planned("number"))

    assert found == SharedKeys(rows=3, keys=1, without_key=2, examples=(first,))
    assert len(portal.requests) == asked + 1
    assert find_shared(source, planned("street", "number")) == SharedKeys(
        rows=2, keys=1, without_key=2, examples=(second,)
    )
    assert find_shared(source, planned("number", where="street = 'b' and :@no is not null")) == (
        SharedKeys()
    )


def test_where_rows_cannot_share_a_key_nobody_is_asked(source: Source, portal: Portal) -> None:
    asked = len(portal.requests)

    assert find_shared(source, planned("socrata_id")) is None
    assert len(portal.requests) == asked


def test_a_source_that_does_not_say_keeps_nobody_from_a_run(source: Source, portal: Portal) -> None:
    portal.faults.add(Fault.status(503), times=1)

    found = find_shared(source, planned("number"))

    assert found is not None
    assert "503" in str(found.unknown)
    assert (found.rows, found.keys, found.without_key) == (0, 0, 0)
