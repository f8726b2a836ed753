"""Which datasets of a portal follow those of the manifest, and which of them are loaded without being asked for."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from socratasync.api.source import DatasetSpec
from socratasync.api.spec import MOST_DATASETS, SyncSpec
from socratasync.api.successor_status import SUCCESSORS
from socratasync.pipeline.plan.successors import (
    MOST_NEWER,
    Compared,
    choose,
    compare,
    newest,
    of_same_owner,
    pattern_of,
    sift,
    words,
    year_in,
)
from socratasync.pipeline.source.catalogue import CatalogueColumn, CatalogueEntry, Owner

CITY, OTHERS = Owner(id="city-0001", name="City"), Owner(id="othe-0001", name="City")
COLUMNS = {"srnumber": "text", "createddate": "calendar_date", "nc": "number"}
PATTERN = "MyLA311 Cases {year}"
LAST = DatasetSpec(id="case-2026", year=2026)


def entry(id: str = "case-2027", name: str = "MyLA311 Cases 2027", **more: Any) -> CatalogueEntry:
    columns = {**COLUMNS, **more.pop("columns", {})}
    told = {
        "type": "dataset",
        "provenance": "official",
        "owner": CITY,
        "columns": tuple(
            CatalogueColumn(field=f, type=t, word=t) for f, t in columns.items() if t is not None
        ),
        **more,
    }
    return CatalogueEntry(id=id, domain="data.lacity.org", name=name, **told)


KNOWN = entry("case-2026", "MyLA311 Cases 2026")


def spec(**more: Any) -> SyncSpec:
    target = {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]}
    written = {
        "domain": "data.lacity.org",
        "datasets": [{"id": "case-2026", "year": 2026}, {"id": "data-2025", "year": 2025}],
        "follow": {"name": PATTERN, "adopt": "Automatic"},
        **more,
        "target": {**target, **more.get("target", {})},
    }
    return SyncSpec.from_json({name: value for name, value in written.items() if value is not None})


# -- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name", "year"),
    [
        (PATTERN, "MyLA311 Cases 2027", 2027),
        (PATTERN, "myla311  CASES 2027 ", 2027),
        (PATTERN, "MyLA311 Cases 20271", None),
        (PATTERN, "MyLA311 Cases 202", None),
        (PATTERN, "MyLA311 Cases 2027 (archive)", None),
        (PATTERN, "The MyLA311 Cases 2027", None),
        (PATTERN, "MyLA311 Cases", None),
        (PATTERN, "MyLA311 Cases 1899", None),
        (PATTERN, "MyLA311 Cases 1900", 1900),
        (PATTERN, "MyLA311 Cases 2200", 2200),
        (PATTERN, "MyLA311 Cases 2201", None),
        (PATTERN, "MyLA311 Cases \uff12\uff10\uff12\uff17", None),
        ("{year} Crime (all)", "2027 Crime (all)", 2027),
        ("{year} Crime (all)", "2027 Crime all", None),
        ("Budget FY{year}", "Budget FY2027", 2027),
    ],
)
def test_the_year_in_a_name(pattern: str, name: str, year: int | None) -> None:
    assert year_in(pattern, name) == year


@pytest.mark.parametrize(
    ("pattern", "searched"),
    [
        (PATTERN, "MyLA311 Cases"),
        ("{year} Crime", "Crime"),
        ("Budget FY{year} adopted", "Budget adopted"),
        ("FY{year}", ""),
    ],
)
def test_the_words_that_are_searched_for(pattern: str, searched: str) -> None:
    assert words(pattern) == searched


@pytest.mark.parametrize(
    ("name", "year", "pattern"),
    [
        ("MyLA311 Cases 2026", 2026, PATTERN),
        ("MyLA311 Cases 2026", 2025, None),
        ("MyLA311 Cases 2026", None, None),
        ("2026 Cases, closed in 2026", 2026, None),
        ("Cases 12026", 2026, None),
        ("Cases", 2026, None),
    ],
)
def test_the_pattern_of_a_name(name: str, year: int | None, pattern: str | None) -> None:
    assert pattern_of(name, year) == pattern


def test_the_newest_dataset_is_that_of_the_latest_year() -> None:
    older, undated = DatasetSpec(id="case-2025", year=2025), DatasetSpec(id="case-0000")

    assert newest([older, LAST, undated]) == LAST
    assert newest([LAST, LAST.model_copy(update={"id": "same-2026"})]) == LAST
    assert newest([undated]) is None
    assert newest([]) is None


# -- what follows --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("candidate", "follows"),
    [
        pytest.param(entry(), True, id="it does"),
        pytest.param(entry(name="MyLA311 Cases 2026"), False, id="no newer year"),
        pytest.param(entry(name="MyLA311 Data 2027"), False, id="another name"),
        pytest.param(entry(owner=OTHERS), False, id="another owner of the same name"),
        pytest.param(entry(owner=None), False, id="nobody's"),
        pytest.param(entry(provenance="community"), False, id="a user's"),
        pytest.param(entry(provenance=None), False, id="of unknown provenance"),
        pytest.param(entry(type="filter"), False, id="a view"),
        pytest.param(entry("data-2025"), False, id="one that the manifest names"),
    ],
)
def test_which_datasets_follow(candidate: CatalogueEntry, follows: bool) -> None:
    sifted = sift([KNOWN, candidate], PATTERN, spec().datasets)

    assert [found for _, found in of_same_owner(sifted)] == ([candidate] if follows else [])


def test_nobody_knows_whose_a_dataset_is_while_the_owner_of_those_in_use_is_unknown() -> None:
    assert of_same_owner(sift([entry()], PATTERN, spec().datasets)) == ()
    of_nobody = entry("case-2026", owner=None)
    assert of_same_owner(sift([of_nobody, entry()], PATTERN, spec().datasets)) == ()


def test_those_that_follow_come_by_year_and_id() -> None:
    later, b, a = entry("zzzz-2028", "MyLA311 Cases 2028"), entry("bbbb-2027"), entry("aaaa-2027")

    found = of_same_owner(sift([later, b, a, KNOWN], PATTERN, spec().datasets))

    assert [(year, one.id) for year, one in found] == [
        (2027, "aaaa-2027"),
        (2027, "bbbb-2027"),
        (2028, "zzzz-2028"),
    ]


def test_a_catalogue_of_ten_thousand_entries_is_not_kept() -> None:
    def catalogue() -> Iterator[CatalogueEntry]:
        for number in range(10_000):
            yield entry(
                f"many-{number:04}", f"MyLA311 Cases {2027 + number % 100}", description="x" * 2000
            )
        yield KNOWN

    tracemalloc.start()
    sifted = sift(catalogue(), PATTERN, spec().datasets)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(sifted.newer) == MOST_NEWER
    assert list(sifted.in_use) == ["case-2026"]
    assert peak < 2 << 20


# -- what fits -----------------------------------------------------------------------------------------


def compared(
    candidate: CatalogueEntry,
    last: DatasetSpec = LAST,
    known: CatalogueEntry | None = KNOWN,
    **more: Any,
) -> Compared:
    return compare(spec(**more), last, known, 2027, candidate)


def test_one_with_the_same_columns_fits_as_the_newest_would_be_named() -> None:
    last = LAST.model_copy(update={"where": "nc > 1"})

    found = compared(entry(), last)

    assert found.fits
    assert found.adopted == DatasetSpec(id="case-2027", year=2027, where="nc > 1")
    assert (found.successor.id, found.successor.name) == ("case-2027", "MyLA311 Cases 2027")
    assert (found.successor.year, found.successor.adopted) == (2027, False)


@pytest.mark.parametrize(
    ("columns", "differences", "fits"),
    [
        pytest.param({"nc": None}, (("nc",), (), ()), False, id="one is missing"),
        pytest.param({"nc": None, "council": "number"}, (("nc",), ("council",), ()), False, id="renamed"),
        pytest.param({"nc": "text"}, ((), (), ("nc",)), False, id="another type"),
        pytest.param({"srnumber": "phone"}, ((), (), ()), True, id="another name of the same type"),
        pytest.param({"dogs": "checkbox"}, ((), ("dogs",), ()), True, id="one more"),
        pytest.param({":@computed_region": "number"}, ((), (), ()), True, id="a computed region"),
    ],
)  # fmt: skip
def test_how_columns_differ(columns: dict[str, Any], differences: Any, fits: bool) -> None:
    found = compared(entry(columns=columns))

    told = found.successor
    assert (told.columns_missing, told.columns_new, told.columns_changed) == differences
    assert found.fits is fits


@pytest.mark.parametrize(
    ("kind", "missing", "changed"),
    [
        pytest.param("location", (), (), id="the same"),
        pytest.param("point", (), (), id="a type that has the part, too"),
        pytest.param("url", (), ("lat",), id="one that does not"),
        pytest.param(None, ("lat",), (), id="none"),
    ],
)
def test_parts_of_the_newest_ones_map_are_looked_for(
    kind: str | None, missing: tuple[str, ...], changed: tuple[str, ...]
) -> None:
    last = LAST.model_copy(update={"columns": {"lat": "place.latitude"}})
    known = entry("case-2026", columns={"place": "location"})

    found = compare(spec(), last, known, 2027, entry(columns={"place": kind})).successor

    assert [n for n in found.columns_missing if n == "lat"] == list(missing)
    assert [n for n in found.columns_changed if n == "lat"] == list(changed)


def test_a_column_more_does_not_fit_where_columns_must_not_change() -> None:
    more = entry(columns={"dogs": "checkbox"})

    assert not compared(more, target={"onSchemaChange": "Fail"}).fits
    assert compared(more, target={"onSchemaChange": "Ignore"}).fits
    assert compared(entry(), target={"onSchemaChange": "Fail"}).fits


def test_only_the_columns_that_are_loaded_count() -> None:
    chosen = {"fields": {"srnumber": "", "createddate": ""}, "onSchemaChange": "Fail"}

    assert compared(entry(columns={"nc": None, "dogs": "text"}), target=chosen).fits
    assert not compared(entry(columns={"createddate": None}), target=chosen).fits


def test_what_maps_the_newest_ones_columns_maps_those_that_follow() -> None:
    last = LAST.model_copy(update={"columns": {"srnumber": "casenumber"}})
    renamed = {"srnumber": None, "casenumber": "text"}
    known = entry("case-2026", "MyLA311 Cases 2026", columns=renamed)

    as_the_newest = compared(entry(columns=renamed), last, known)
    as_the_table = compared(entry(), last, known)

    assert as_the_newest.fits
    assert as_the_newest.adopted.columns == {"srnumber": "casenumber"}
    assert as_the_table.fits
    assert as_the_table.adopted.columns == {}


@pytest.mark.parametrize(
    ("candidate", "known"),
    [(entry(), None), (entry(), KNOWN), (None, KNOWN)],
    ids=["of the newest", "of the newest's columns", "of its own"],
)
def test_nothing_fits_of_which_the_catalogue_does_not_tell_the_columns(
    candidate: CatalogueEntry | None, known: CatalogueEntry | None
) -> None:
    bare = CatalogueEntry(id="case-2027", domain="d", name="MyLA311 Cases 2027", type="dataset")
    untold = known and (
        CatalogueEntry(id=known.id, domain="d", name="n", type="dataset") if candidate else known
    )

    found = compared(candidate or bare, known=untold)

    assert not found.fits
    assert found.successor.columns_new == (tuple(COLUMNS) if candidate and known else ())
    assert "does not tell the columns" in str(found.successor.reason)


# -- what is loaded --------------------------------------------------------------------------------------


FIRST, SECOND = compared(entry()), compared(entry("case-2028"))
MISFIT = compared(entry("misf-2027", columns={"nc": None}))


@pytest.mark.parametrize(
    ("found", "changes", "adopted", "said"),
    [
        pytest.param([FIRST], {}, "case-2027", [None], id="the only one"),
        pytest.param([FIRST, MISFIT], {}, "case-2027", [None, "it has no nc"], id="the only one that fits"),
        pytest.param([FIRST, SECOND], {}, None, ["there is a choice: case-2027, case-2028 follow"] * 2, id="two that fit"),
        pytest.param([MISFIT], {}, None, ["it has no nc"], id="none that fits"),
        pytest.param([], {}, None, [], id="none"),
        pytest.param([FIRST], {"follow": {"name": PATTERN}}, None, ["is Propose"], id="Propose"),
        pytest.param([MISFIT], {"follow": {"name": PATTERN}}, None, ["it has no nc"], id="Propose, and it does not fit"),
        pytest.param([FIRST], {"follow": None}, None, ["is Propose"], id="nothing is followed"),
        pytest.param([FIRST], {"years": [2026]}, None, ["leaves 2027 out"], id="years leave it out"),
    ],
)  # fmt: skip
def test_which_one_is_loaded(
    found: list[Compared], changes: dict[str, Any], adopted: str | None, said: list[str | None]
) -> None:
    told, chosen = choose(spec(**changes), found, [])

    assert (chosen.id if chosen else None) == adopted
    assert [each.id for each in told] == [each.successor.id for each in found]
    for each, phrase in zip(told, said, strict=True):
        assert (each.reason is None) == (phrase is None)
        assert (phrase or "") in (each.reason or "")


@pytest.mark.parametrize(
    ("datasets", "taken", "is_loaded"),
    [
        (MOST_DATASETS - 1, 0, True),
        (MOST_DATASETS, 0, False),
        (2, SUCCESSORS - 1, True),
        (2, SUCCESSORS, False),
    ],
)
def test_there_is_an_end_to_what_is_adopted(datasets: int, taken: int, is_loaded: bool) -> None:
    many = [{"id": f"many-{n:04}", "year": 2026} for n in range(datasets)]

    told, chosen = choose(spec(datasets=many), [FIRST], ["x"] * taken)

    assert (chosen is not None) is is_loaded
    assert ("as many datasets as there may be" in str(told[0].reason)) is not is_loaded
