"""Which indexes are made, named anew and dropped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from socratasync.api.target import TargetSpec
from socratasync.pipeline.plan.indexes import DeclaredIndex, IndexChanges, decide, declared
from socratasync.pipeline.target.indexes import TableIndex


def target(*indexes: dict[str, Any], table: str = "parks", schema: str = "public") -> TargetSpec:
    return TargetSpec.model_validate(
        {
            "dsnSecretRef": {"name": "db"},
            "schema": schema,
            "table": table,
            "key": ["name"],
            "indexes": list(indexes),
        }
    )


def wanted(**index: Any) -> DeclaredIndex:
    (each,) = declared(target({"columns": ["acres"], **index}))
    return each


ACRES = wanted()
NAMED = wanted(name="by_acres")
SOME = wanted(where="acres > 3")
UNIQUE = wanted(unique=True)


def made(each: DeclaredIndex, **changes: Any) -> TableIndex:
    """As we make it."""
    words: dict[str, Any] = {
        "oid": 1,
        "name": each.name,
        "columns": list(each.index.columns),
        "method": each.index.method,
        "is_unique": each.index.unique,
        "condition": each.index.where,
        "is_valid": True,
        "is_plain": True,
        "is_constraint": False,
        "comment": f"socratasync index {each.digest}: and so on",
    }
    return TableIndex(**{**words, **changes})


def theirs(each: DeclaredIndex, **changes: Any) -> TableIndex:
    """As a person would."""
    return made(each, **{"name": "mine", "comment": "", **changes})


def under_way(each: DeclaredIndex, **changes: Any) -> TableIndex:
    """As a kill leaves it."""
    return made(each, **{"name": each.name_before, "comment": "", **changes})


@dataclass(frozen=True, kw_only=True)
class Case:
    wanted: tuple[DeclaredIndex, ...] = (ACRES,)
    there: tuple[TableIndex, ...] = ()
    make: tuple[str, ...] = ()
    name: tuple[tuple[str, str], ...] = ()
    drop: tuple[str, ...] = ()
    first: tuple[str, ...] = ()
    """What is dropped before rows come."""


STALE = made(SOME, oid=9, name="stale")
CASES = {
    "nothing at all": Case(wanted=()),
    "not there": Case(make=(ACRES.name,)),
    "there": Case(there=(made(ACRES),)),
    "there, by a person": Case(there=(theirs(ACRES),)),
    "there, by a person, under another name than is wanted": Case(
        wanted=(NAMED,), there=(theirs(ACRES),)
    ),
    "another one of a person's": Case(there=(theirs(SOME),), make=(ACRES.name,)),
    "a person's, not wanted": Case(wanted=(), there=(theirs(ACRES), theirs(UNIQUE, oid=2))),
    "a person's that is not whole": Case(
        there=(theirs(ACRES, is_valid=False),), make=(ACRES.name,)
    ),
    "a person's that has more to it": Case(
        there=(theirs(ACRES, is_plain=False),), make=(ACRES.name,)
    ),
    "a person's of other columns": Case(
        there=(theirs(ACRES, columns=["acres", None]),), make=(ACRES.name,)
    ),
    "a person's by another method": Case(there=(theirs(ACRES, method="hash"),), make=(ACRES.name,)),
    "a person's that is unique": Case(there=(theirs(UNIQUE),), make=(ACRES.name,)),
    "a person's condition in the same words": Case(wanted=(SOME,), there=(theirs(SOME),)),
    "a person's condition that means the same": Case(
        wanted=(SOME,), there=(theirs(SOME, condition="SAME acres > 3"),)
    ),
    "a person's condition that means something else": Case(
        wanted=(SOME,), there=(theirs(SOME, condition="acres > 4"),), make=(SOME.name,)
    ),
    "a person's of all rows": Case(wanted=(SOME,), there=(theirs(ACRES),), make=(SOME.name,)),
    "ours that a person commented on": Case(wanted=(), there=(made(ACRES, comment="for the map"),)),
    "ours that a constraint rests on": Case(
        wanted=(), there=(made(ACRES, is_constraint=True), under_way(SOME, is_constraint=True))
    ),
    "ours that a constraint rests on, and wanted": Case(there=(made(ACRES, is_constraint=True),)),
    "taken out": Case(wanted=(), there=(made(ACRES),), drop=(ACRES.name,)),
    "a unique one taken out": Case(
        wanted=(), there=(made(UNIQUE),), drop=(UNIQUE.name,), first=(UNIQUE.name,)
    ),
    "changed": Case(there=(STALE,), make=(ACRES.name,), drop=("stale",)),
    "not whole": Case(
        there=(made(ACRES, is_valid=False),),
        make=(ACRES.name,),
        drop=(ACRES.name,),
        first=(ACRES.name,),
    ),
    "half made": Case(
        there=(under_way(ACRES, is_valid=False),),
        make=(ACRES.name,),
        drop=(ACRES.name_before,),
        first=(ACRES.name_before,),
    ),
    "made, and not named": Case(there=(under_way(ACRES),), name=((ACRES.name_before, ACRES.name),)),
    "half made, and wanted no more": Case(
        there=(under_way(SOME),), make=(ACRES.name,), drop=(SOME.name_before,)
    ),
    "named otherwise": Case(
        wanted=(NAMED,), there=(made(ACRES),), name=((ACRES.name, "by_acres"),)
    ),
    "named and not marked": Case(
        wanted=(NAMED,),
        there=(under_way(NAMED, oid=2, name=NAMED.name_before),),
        name=((NAMED.name_before, "by_acres"),),
    ),
    "there twice": Case(
        there=(made(ACRES, oid=2, name="a"), made(ACRES)),
        drop=("a",),
    ),
    "there twice, the other way round": Case(
        there=(made(ACRES), made(ACRES, oid=2, name="z")),
        drop=("z",),
    ),
    "ours on another column by now": Case(
        there=(made(ACRES, columns=["old"]),), make=(ACRES.name,), drop=(ACRES.name,)
    ),
    "ours beside a person's": Case(there=(theirs(ACRES, oid=2), made(ACRES))),
    "two that are alike": Case(wanted=(ACRES, SOME), there=(made(ACRES), made(SOME, oid=2))),
}


def changes(case: Case) -> IndexChanges:
    def means_the_same(one: str, other: str) -> bool:
        assert one != other
        return other == f"SAME {one}"

    return decide(case.wanted, case.there, means_the_same=means_the_same)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_to_be_done(case: Case) -> None:
    found = changes(case)

    assert tuple(each.name for each in found.make) == case.make
    assert tuple((index.name, each.name) for index, each in found.name) == case.name
    assert tuple(index.name for index in found.drop) == case.drop
    assert tuple(index.name for index in found.in_the_way) == case.first
    assert found.are_due == bool(case.make or case.name or case.drop)


def test_one_that_has_its_name_and_lacks_its_mark_is_marked() -> None:
    """Whoever renames it while it has no comment yet, makes it a person's; so it is left alone."""
    found = decide((ACRES,), (made(ACRES, comment=""),), means_the_same=lambda *_: False)

    assert not found.are_due


# -- names -----------------------------------------------------------------------------------------

NAMES = {
    "short": (("parks", ("acres", "opened")), "parks_acres_opened_"),
    "long": (("p" * 40, ("a" * 40,)), "p" * 40 + "_" + "a" * 13 + "_"),
    "with letters of several bytes": (
        ("p" * 40, ("xä" + "ä" * 20,)),
        "p" * 40 + "_x" + "ä" * 6 + "_",
    ),
}


@pytest.mark.parametrize(("words", "start"), NAMES.values(), ids=NAMES)
def test_a_name_has_table_and_columns_as_far_as_they_fit(
    words: tuple[str, tuple[str, ...]], start: str
) -> None:
    table, columns = words
    (each,) = declared(target({"columns": list(columns)}, table=table))

    assert each.name[:-8] == start
    assert len(each.name.encode()) <= 63
    assert int(each.name[-8:], 16) >= 0
    assert each.name[-8:] == each.name_before.removeprefix("socratasync_")[:8]


def test_each_definition_and_each_table_has_names_of_its_own() -> None:
    every = [
        *declared(
            target(
                {"columns": ["a", "b"]},
                {"columns": ["b", "a"]},
                {"columns": ["a_b"]},
                {"columns": ["a", "b"], "unique": True},
                {"columns": ["a", "b"], "method": "gist"},
                {"columns": ["a", "b"], "where": "a > 1"},
            )
        ),
        *declared(target({"columns": ["a", "b"]}, table="roads")),
        *declared(target({"columns": ["a", "b"]}, schema="city")),
    ]

    assert len({each.name for each in every}) == len({each.name_before for each in every}) == 8
    assert len({each.digest for each in every}) == 6
    assert [each.path for each in every[:2]] == ["spec.target.indexes[0]", "spec.target.indexes[1]"]


def test_a_name_of_a_persons_choice_is_the_one_and_changes_no_digest() -> None:
    assert NAMED.name == "by_acres"
    assert (NAMED.digest, NAMED.name_before) == (ACRES.digest, ACRES.name_before)
