"""What is planned for each dataset, by what a portal and a target are found to hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.conftest import Clock

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.selection import Range
from socratasync.api.spec import Mode, SyncSpec
from socratasync.errors import (
    DatasetNotFound,
    InvalidRequest,
    InvalidSpec,
    SchemaChanged,
    SourceUnavailable,
    SyncError,
    TargetMismatch,
)
from socratasync.pipeline.columns import PROVENANCE, Column, SourceColumn
from socratasync.pipeline.plan.frozen import Frozen
from socratasync.pipeline.plan.model import Before, DatasetPlan, KeepsNewer, Load, Shape, Snapshot
from socratasync.pipeline.plan.planner import Plans, plan_all
from socratasync.pipeline.plan.target_state import TargetState
from socratasync.pipeline.plan.watermark import CLOCKS_DIFFER_BY, EARLIEST, OVERLAP, known_after
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.soql import Watermark
from socratasync.pipeline.target.bookkeeping import Known, new_table_name, stage_name
from socratasync.pipeline.target.catalog import Target, TargetColumn
from socratasync.pipeline.target.surroundings import Surroundings

PARKS, LAKES = "park-0001", "lake-0001"
CHANGED = datetime(2024, 2, 29, 12, tzinfo=UTC)
NEWEST = CHANGED + timedelta(milliseconds=2)
"""What the portal stamps the rows with, after two columns: no two changes have one stamp."""
NOW = CHANGED + timedelta(hours=3)

NO_TABLE = Target(schema="public", table="parks")
BEFORE = Before(exists=True, rows=2, server_version=170004)


def table(**types: str) -> Target:
    """The table, with these columns and a key of ``name``."""
    columns = [
        TargetColumn(name=name, type=kind, required=False, has_default=False, generated=False)
        for name, kind in types.items()
    ]
    return replace(NO_TABLE, kind="r", owned=True, columns=tuple(columns), unique_keys=(("name",),))


TABLE = table(name="text", acres="numeric", **PROVENANCE)
OPENED = table(name="text", acres="numeric", opened="timestamp with time zone", **PROVENANCE)


@pytest.fixture(name="parks")
def _parks(portal: Portal, clock: Clock) -> Dataset:
    """Two parks, of an hour that is long over."""
    clock.at = CHANGED
    rows = [{"name": "p0", "acres": 1}, {"name": "p1", "acres": 2}]
    return portal.add_dataset(PARKS, [("name", "text"), ("acres", "number")], rows)


@pytest.fixture(name="source")
def _source(socrata: Server) -> Iterator[Source]:
    with closing(Source(socrata.domain, policy=RetryPolicy(attempts=1))) as source:
        yield source


def spec(*others: dict[str, Any], first: dict[str, Any] | None = None, **more: Any) -> SyncSpec:
    """A manifest that loads the parks (``first``: how), and perhaps ``others``."""
    target = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    return SyncSpec.from_json(
        {
            "domain": "data.example.org",
            "datasets": [{"year": 2024, "id": PARKS, **(first or {})}, *others],
            **more,
            "target": {**target, **more.get("target", {})},
        }
    )


def planned(
    source: Source,
    state: TargetState,
    agreed: SyncSpec | None = None,
    *,
    mode: Mode = "update",
    since: datetime | None = None,
    now: datetime = NOW,
    only: Range | None = None,
) -> Plans:
    return plan_all(agreed or spec(), source, state, mode=mode, since=since, now=now, only=only)


def plan(*args: Any, dataset: str = PARKS, **more: Any) -> DatasetPlan:
    """The plan of one dataset."""
    found = planned(*args, **more).plans[dataset]
    assert isinstance(found, DatasetPlan), found
    return found


COLUMNS = (
    Column(name="name", field="name", source_type="text", type="text"),
    Column(name="acres", field="acres", source_type="number", type="numeric"),
)
NEW_TABLE = (("name", "text"), ("acres", "numeric"))
FIRST = DatasetPlan(
    dataset=PARKS,
    year=2024,
    shape=Shape(
        schema="public",
        table="parks",
        stage=stage_name("public.parks", PARKS),
        dataset=PARKS,
        columns=COLUMNS,
        key=("name",),
        provenance=True,
        new_table=new_table_name("public.parks"),
    ),
    load=Load(full=True, why="it was never loaded before"),
    where=None,
    watermark=Watermark(),
    snapshot=Snapshot(rows=2, newest=NEWEST, rows_updated_at=CHANGED, taken_at=NOW),
    source_updated_at=CHANGED,
    last_change=CHANGED,
    source=(SourceColumn(field="name", type="text"), SourceColumn(field="acres", type="number")),
    before=Before(exists=False, rows=0, server_version=170004),
    table=(*NEW_TABLE, *PROVENANCE.items()),
    new_datasets=(PARKS,),
    starts_over=True,
)
SHAPE = replace(FIRST.shape, new_table=None)
"""Once the table is there."""
NOTHING_YET = TargetState(target=NO_TABLE, before=FIRST.before)
KNOWN = known_after(FIRST, trusted=True, left_out=0)
LOADED = TargetState(target=TABLE, before=BEFORE, known={PARKS: KNOWN})
KEEPS_NEWER = KeepsNewer(
    believed_until=NOW + CLOCKS_DIFFER_BY,
    read_again_after=NOW - timedelta(hours=1),
    asked_since=NEWEST - OVERLAP,
)
UPDATE = replace(
    FIRST,
    shape=replace(SHAPE, keeps_newer=KEEPS_NEWER),
    load=Load(full=False, bound=NEWEST - OVERLAP, why="rows that changed since the last load"),
    before=BEFORE,
    known=KNOWN,
    new_datasets=(),
    starts_over=False,
    nothing_to_do=True,
)


def test_a_dataset_that_was_never_loaded(source: Source, parks: Dataset) -> None:
    assert plan(source, NOTHING_YET) == FIRST


def test_a_dataset_that_did_not_change(source: Source, parks: Dataset) -> None:
    assert plan(source, LOADED) == UPDATE


def test_a_dataset_that_changed(source: Source, parks: Dataset, clock: Clock) -> None:
    clock.at = CHANGED + timedelta(hours=1)
    parks.insert({"name": "p2"})

    assert plan(source, LOADED) == replace(
        UPDATE,
        snapshot=replace(UPDATE.snapshot, rows=3, newest=clock.at, rows_updated_at=clock.at),
        source_updated_at=clock.at,
        last_change=clock.at,
        nothing_to_do=False,
    )


def test_a_where_holds_for_all_that_is_asked(source: Source, parks: Dataset, clock: Clock) -> None:
    clock.at = CHANGED + timedelta(hours=1)
    parks.insert({"name": "p2", "acres": 9})

    found = plan(source, LOADED, spec(first={"where": "acres < 9"}))

    assert found.where == "acres < 9"
    assert found.load.why == "its where changed"
    assert found.starts_over
    assert (found.snapshot.rows, found.snapshot.newest) == (2, NEWEST)
    assert found.snapshot.rows_updated_at == clock.at


def test_a_dataset_is_planned_by_the_interface_that_answers(
    source: Source, parks: Dataset, portal: Portal
) -> None:
    portal.soda2_ends()

    assert plan(source, NOTHING_YET) == replace(FIRST, api="SODA3")


def loaded_by(query: str) -> TargetState:
    """The table as it is after a load with this condition."""
    return replace(LOADED, known={PARKS: replace(KNOWN, query=query)})


@pytest.mark.parametrize(
    ("state", "where", "error"),
    [
        pytest.param(NOTHING_YET, "area < 9", InvalidSpec, id="it was never loaded"),
        pytest.param(LOADED, "area < 9", InvalidSpec, id="it was loaded without"),
        pytest.param(loaded_by("acres < 9"), "area < 9", InvalidSpec, id="or by another"),
        pytest.param(loaded_by("area < 9"), "area < 9", SchemaChanged, id="it was loaded by it"),
    ],
)
def test_a_where_that_names_no_column_is_wrong_unless_rows_were_loaded_by_it(
    source: Source, parks: Dataset, state: TargetState, where: str, error: type[SyncError]
) -> None:
    refused = planned(source, state, spec(first={"where": where})).plans[PARKS]

    assert type(refused) is error
    assert "area" in refused.message
    assert refused.message.startswith("spec.datasets[].where: ") is (error is InvalidSpec)


@pytest.mark.parametrize("where", [None, "acres < 9"])
def test_a_column_that_goes_while_it_is_planned_is_a_change_whatever_the_where(
    source: Source, parks: Dataset, portal: Portal, where: str | None
) -> None:
    agreed = spec(first={"where": where} if where else {}, source={"watermark": "opened"})
    parks.add_column("opened", "date")
    portal.faults.add(Fault.doing_afterwards(lambda: parks.drop_column("opened")), times=1)

    refused = planned(source, NOTHING_YET, agreed).plans[PARKS]

    assert isinstance(refused, SchemaChanged)


def test_a_chosen_column_that_went_is_told_apart_from_one_that_never_was(
    source: Source, parks: Dataset
) -> None:
    went = replace(LOADED, known={PARKS: replace(KNOWN, columns=with_source(lake="text"))})
    chosen = spec(target={"fields": {"name": "", "lake": ""}})

    assert isinstance(planned(source, went, chosen).plans[PARKS], SchemaChanged)
    assert isinstance(planned(source, LOADED, chosen).plans[PARKS], InvalidSpec)


def with_source(**types: str) -> dict[str, dict[str, str]]:
    """What is remembered of the columns, with these at the source besides."""
    return {**KNOWN.columns, "source": {**KNOWN.columns["source"], **types}}


def test_columns_that_the_portal_hides_are_known_and_not_loaded(
    source: Source, parks: Dataset
) -> None:
    parks.add_column("fee", "number", hidden=True)

    found = plan(source, NOTHING_YET)

    assert found.hidden == ("fee",)
    assert found.shape.columns == COLUMNS


def test_a_full_run_of_a_loaded_dataset(source: Source, parks: Dataset) -> None:
    assert plan(source, LOADED, mode="full") == replace(
        UPDATE,
        shape=SHAPE,
        load=Load(full=True, why="a full run was asked for"),
        nothing_to_do=False,
    )


def test_a_since_that_leaves_a_gap_is_told(source: Source, parks: Dataset) -> None:
    found = plan(source, LOADED, since=CHANGED)

    assert (found.load.bound, found.load.advances) == (CHANGED, False)
    assert found.warnings == (f"dataset {PARKS}: {found.load.why}",)
    assert not found.nothing_to_do
    assert found.shape.keeps_newer == replace(KEEPS_NEWER, asked_since=CHANGED)


def test_rows_that_are_owed_are_read_though_nothing_changed(source: Source, parks: Dataset) -> None:
    found = plan(source, replace(LOADED, owed={PARKS: ("row-a",), LAKES: ("row-b",)}))

    assert found == replace(UPDATE, owed=("row-a",), nothing_to_do=False)


def test_too_many_owed_rows_are_read_with_all_others(source: Source, parks: Dataset) -> None:
    owed = tuple(f"row-{n}" for n in range(101))

    assert plan(source, replace(LOADED, owed={PARKS: owed})).load.full


def test_a_range_is_planned_beside_what_is_owed(source: Source, parks: Dataset) -> None:
    only = Range(until=CHANGED)

    found = plan(source, replace(LOADED, owed={PARKS: ("row-a",)}), only=only)

    keeps = replace(KEEPS_NEWER, read_again_after=EARLIEST, asked_since=None)
    load = Load(full=False, only=only, advances=False, why=f"rows until {CHANGED:%FT%TZ}, as asked")
    assert found == replace(
        UPDATE, load=load, shape=replace(UPDATE.shape, keeps_newer=keeps), nothing_to_do=False
    )


def test_a_range_of_a_new_dataset_leaves_the_others_alone(source: Source, lakes: Dataset) -> None:
    lakes_too = spec(
        {"id": LAKES, "columns": {"name": "title"}}, target={"onSchemaChange": "AddColumns"}
    )

    plans = planned(source, LOADED, lakes_too, only=Range(until=CHANGED)).plans

    assert isinstance(plans[LAKES], InvalidRequest)
    assert isinstance(plans[PARKS], DatasetPlan)


@pytest.mark.parametrize(
    ("target", "mode", "rows"),
    [
        pytest.param({}, "update", None, id="nobody wants to know"),
        pytest.param({"prune": True}, "update", 2, id="rows are deleted by it"),
        pytest.param({"reset": True}, "full", 2, id="all are replaced by it"),
    ],
)
def test_rows_are_counted_where_that_matters(
    source: Source, parks: Dataset, target: dict[str, Any], mode: Mode, rows: int | None
) -> None:
    agreed = spec(target=target, verify={"rowCount": "Off"})

    assert plan(source, NOTHING_YET, agreed, mode=mode).snapshot.rows == rows


def test_an_empty_dataset_has_no_newest_change(source: Source, portal: Portal) -> None:
    portal.add_dataset(PARKS, [("name", "text"), ("acres", "number")])

    found = plan(source, NOTHING_YET).snapshot

    assert (found.rows, found.newest) == (0, None)


# -- several datasets -----------------------------------------------------------------------------


@pytest.fixture(name="lakes")
def _lakes(portal: Portal, parks: Dataset) -> Dataset:
    columns = [("title", "text"), ("acres", "text"), ("depth", "number")]
    return portal.add_dataset(LAKES, columns, [{"title": "l0"}])


BOTH = spec(
    {"year": 2023, "id": LAKES, "columns": {"name": "title"}},
    parallelism=2,
    target={"onBadValue": "Skip"},
)


def test_datasets_that_share_a_new_table(source: Source, lakes: Dataset) -> None:
    plans = planned(source, NOTHING_YET, BOTH).plans

    assert list(plans) == [PARKS, LAKES]
    shared = (("name", "text"), ("acres", "text"), ("depth", "numeric"), *PROVENANCE.items())
    for found in plans.values():
        assert isinstance(found, DatasetPlan)
        assert found.table == shared
        assert found.new_datasets == (PARKS, LAKES)
        assert found.on_bad_value == "Skip"
        assert dict(found.table)["acres"] == {c.name: c.type for c in found.shape.columns}["acres"]
    assert plans[LAKES].year == 2023  # type: ignore[union-attr]


def test_a_dataset_beside_one_that_is_loaded(source: Source, lakes: Dataset) -> None:
    first = plan(source, LOADED, BOTH)
    second = plan(source, LOADED, BOTH, dataset=LAKES)

    assert first.new_datasets == second.new_datasets == (LAKES,)
    assert first.nothing_to_do
    assert second.add == (("depth", "numeric"),)
    assert second.load.why == "it was never loaded before"


def test_a_dataset_that_is_not_there_leaves_the_others_alone(
    source: Source, parks: Dataset
) -> None:
    plans = planned(source, NOTHING_YET, BOTH)

    assert isinstance(plans.plans[LAKES], DatasetNotFound)
    assert plans.plans[PARKS] == replace(FIRST, on_bad_value="Skip", new_datasets=(PARKS, LAKES))
    assert plans.state is NOTHING_YET
    assert not plans.refused


@pytest.mark.parametrize(
    ("errors", "refused"),
    [
        pytest.param([InvalidSpec("x")], True, id="the manifest fits none"),
        pytest.param([InvalidSpec("x"), TargetMismatch("x")], True, id="nor the table"),
        pytest.param([InvalidSpec("x"), SourceUnavailable("x")], False, id="one may still fit"),
        pytest.param([SchemaChanged("x")], False, id="a source that changed"),
        pytest.param([InvalidSpec("x"), FIRST], False, id="one is planned"),
    ],
)
def test_when_nothing_is_to_be_touched(errors: list[Any], refused: bool) -> None:
    plans = {str(number): error for number, error in enumerate(errors)}

    assert Plans(state=NOTHING_YET, plans=plans).refused is refused


def test_a_table_that_no_dataset_fits_is_refused_before_the_source_is_asked(
    source: Source, portal: Portal, parks: Dataset
) -> None:
    with pytest.raises(TargetMismatch, match="no unique constraint on"):
        planned(source, replace(LOADED, target=replace(TABLE, unique_keys=())))

    assert portal.requests == []


def test_what_stops_a_run_stops_its_planning(source: Source, parks: Dataset) -> None:
    source.stopping.set()

    with pytest.raises(SystemExit):
        planned(source, NOTHING_YET)


# -- what the manifest says of the target -------------------------------------------------------


def test_fields_choose_columns_and_types(source: Source, parks: Dataset) -> None:
    agreed = spec(
        target={"fields": {"name": "varchar(9)"}, "provenance": False, "onBadValue": "Null"}
    )

    found = plan(source, NOTHING_YET, agreed)

    assert found.shape == replace(
        SHAPE, columns=(replace(COLUMNS[0], type="varchar(9)"),), provenance=False
    )
    assert found.table == (("name", "varchar(9)"),)
    assert found.on_bad_value == "Null"


def test_types_of_the_manifest_are_compared_as_postgresql_calls_them(
    source: Source, parks: Dataset
) -> None:
    agreed = spec(target={"fields": {"name": "", "acres": "small"}})
    acres = replace(table(acres="public.small").columns[0], base="numeric")
    named, *provenance = table(name="text", **PROVENANCE).columns
    state = replace(LOADED, target=replace(TABLE, columns=(named, acres, *provenance)))

    with pytest.raises(TargetMismatch, match="wants acres as small"):
        raise planned(source, state, agreed).plans[PARKS]  # type: ignore[misc]
    plan(source, replace(state, types={"small": "public.small"}), agreed)


def test_types_change_those_of_single_columns_and_choose_none(
    source: Source, parks: Dataset
) -> None:
    found = plan(source, NOTHING_YET, spec(target={"types": {"acres": "real"}}))

    assert found.shape.columns == (COLUMNS[0], replace(COLUMNS[1], type="real"))
    assert found.table == (("name", "text"), ("acres", "real"), *PROVENANCE.items())


@pytest.mark.parametrize(
    ("known", "named", "refused"),
    [
        pytest.param({}, "acre", True, id="never loaded"),
        pytest.param({PARKS: KNOWN}, "acre", True, id="loaded without it"),
        pytest.param(
            {PARKS: replace(KNOWN, columns={**KNOWN.columns, "loaded": {"acre": "acre"}})},
            "acre",
            False,
            id="loaded until now",
        ),
        pytest.param(
            {LAKES: replace(KNOWN, columns={**KNOWN.columns, "frozen": {"acre": "acre"}})},
            "acre",
            False,
            id="frozen, in another dataset",
        ),
    ],
)
def test_a_type_for_a_column_that_no_dataset_loads_is_refused(
    source: Source, parks: Dataset, known: dict[str, Known], named: str, refused: bool
) -> None:
    state = replace(NOTHING_YET, known=known)
    agreed = spec(target={"types": {named: "real"}})

    if not refused:
        planned(source, state, agreed)
        return
    with pytest.raises(InvalidSpec) as caught:
        planned(source, state, agreed)
    assert caught.value.message == (
        "spec.target.types names acre, which no dataset loads; correct it, or take it out. Nearest to acre: acres. "
        "Loaded are: acres, name"
    )


def test_a_type_for_a_column_of_a_dataset_that_is_not_read_is_nobodys_business(
    source: Source, parks: Dataset
) -> None:
    lakes = {"id": LAKES, "year": 2023}
    agreed = spec(lakes, years=[2024], target={"types": {"depth": "real"}})

    assert isinstance(planned(source, NOTHING_YET, agreed).plans[PARKS], DatasetPlan)


@pytest.mark.parametrize(
    ("known", "target", "provenance", "full"),
    [
        pytest.param(KNOWN, TABLE, True, False, id="all are there"),
        pytest.param(
            KNOWN, table(name="text", acres="numeric"), True, True, id="somebody dropped them"
        ),
        pytest.param(
            replace(KNOWN, columns={**KNOWN.columns, "provenance": {}}),
            TABLE,
            True,
            True,
            id="loaded while they were not wanted",
        ),
        pytest.param(
            KNOWN, table(name="text", acres="numeric"), False, False, id="they are not wanted"
        ),
        pytest.param(KNOWN, NO_TABLE, True, False, id="no table: nothing is known of it, either"),
    ],
)
def test_provenance_that_rows_lack_is_filled_for_all_of_them(
    source: Source, parks: Dataset, known: Known, target: Target, provenance: bool, full: bool
) -> None:
    state = replace(LOADED, target=target, known={PARKS: known})

    found = plan(source, state, spec(target={"provenance": provenance}))

    assert (found.load.full, found.starts_over) == (full, full)


def test_a_column_to_be_added_is_filled_for_all_rows(source: Source, parks: Dataset) -> None:
    state = replace(LOADED, target=table(name="text", **PROVENANCE))

    found = plan(source, state)

    assert found.add == (("acres", "numeric"),)
    assert found.load.why == "acres must be filled anew for all rows"


def test_a_change_of_the_source_is_held_to_the_policy(source: Source, parks: Dataset) -> None:
    parks.add_column("zip", "number")

    found = plan(source, LOADED)

    assert not found.schema_in_sync
    assert found.warnings == (f"dataset {PARKS} changed: column zip is new",)
    refused = planned(source, LOADED, spec(target={"onSchemaChange": "Fail"})).plans[PARKS]
    assert isinstance(refused, SchemaChanged)


def test_a_key_that_no_column_fills_is_refused(source: Source, parks: Dataset) -> None:
    state = replace(LOADED, target=replace(TABLE, unique_keys=(("socrata_id",),)))
    keyed = {"key": ["socrata_id"]}

    assert plan(source, state, spec(target=keyed)).shape.key == ("socrata_id",)


@pytest.mark.parametrize(
    ("more", "mode", "frozen"),
    [
        pytest.param(
            {},
            "update",
            Frozen(columns={"lake": "lake"}, named=("lake",), gone=("lake",)),
            id="told",
        ),
        pytest.param(
            {"first": {"frozenColumns": ["lake"]}},
            "update",
            Frozen(columns={"lake": "lake"}),
            id="accepted",
        ),
        pytest.param(
            {"target": {"fields": {"name": "", "acres": ""}}},
            "update",
            Frozen(columns={"lake": "lake"}),
            id="not wanted",
        ),
        pytest.param({"target": {"reset": True}}, "full", Frozen(gone=("lake",)), id="emptied"),
        pytest.param(
            {"target": {"reset": True}},
            "update",
            Frozen(columns={"lake": "lake"}, named=("lake",), gone=("lake",)),
            id="an update empties nothing",
        ),
        pytest.param(
            {},
            "full",
            Frozen(columns={"lake": "lake"}, named=("lake",), gone=("lake",)),
            id="nor does a full run",
        ),
    ],
)
def test_columns_that_are_filled_no_more(
    source: Source, parks: Dataset, more: dict[str, Any], mode: Mode, frozen: Frozen
) -> None:
    loaded = {**KNOWN.columns["loaded"], "lake": "lake"}
    known = replace(KNOWN, columns={**KNOWN.columns, "loaded": loaded})
    target = table(name="text", acres="numeric", lake="text", **PROVENANCE)

    found = plan(
        source, replace(LOADED, target=target, known={PARKS: known}), spec(**more), mode=mode
    )

    assert found.frozen == frozen


def test_a_watermark_of_the_publishers_own(source: Source, parks: Dataset) -> None:
    parks.add_column("updated", "calendar_date")
    for hours in (23, 25):  # a day ahead may be another zone; what is further ahead was mistyped
        parks.insert({"updated": f"{NOW + timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}"})

    found = plan(source, NOTHING_YET, spec(source={"watermark": "updated"}))

    assert found.watermark == Watermark(field="updated", floating=True)
    assert found.snapshot.newest == NOW + timedelta(hours=23)


def test_a_watermark_may_be_named_by_its_column_in_the_table(
    source: Source, parks: Dataset
) -> None:
    parks.add_column("updated", "calendar_date")
    agreed = spec(first={"columns": {"changed": "updated"}}, source={"watermark": "changed"})

    assert plan(source, NOTHING_YET, agreed).watermark.field == "updated"


# -- rows that change and nothing tells of it -----------------------------------------------------


@pytest.mark.parametrize("undated", [False, True])
def test_a_portal_that_tells_of_no_change_is_read_where_rows_do_not_either(
    source: Source, parks: Dataset, undated: bool
) -> None:
    parks.metadata["rowsUpdatedAt"] = None
    if undated:
        parks.unstamp(parks.find(name="p0"))
    first = plan(source, NOTHING_YET)
    assert first.snapshot == replace(FIRST.snapshot, rows_updated_at=None)

    known = known_after(first, trusted=True, left_out=0)

    assert plan(source, replace(LOADED, known={PARKS: known})).nothing_to_do is not undated


def test_only_the_rows_of_the_where_may_hide_changes(source: Source, parks: Dataset) -> None:
    parks.metadata["rowsUpdatedAt"] = None
    parks.unstamp(parks.find(name="p0"))
    agreed = spec(first={"where": "acres > 1"})
    known = known_after(plan(source, NOTHING_YET, agreed), trusted=True, left_out=0)

    assert plan(source, replace(LOADED, known={PARKS: known}), agreed).nothing_to_do


# -- a portal that describes the dataset no more --------------------------------------------------


@pytest.fixture(name="no_views")
def _no_views(portal: Portal) -> None:
    portal.faults.add(Fault.status(404), on="metadata", times=None)


@pytest.mark.usefixtures("no_views")
def test_a_dataset_that_is_described_no_more_is_planned_by_its_rows(
    source: Source, parks: Dataset
) -> None:
    first = plan(source, NOTHING_YET)

    assert "/api/views" in first.warnings[0]
    assert first == replace(
        FIRST,
        snapshot=replace(FIRST.snapshot, rows_updated_at=NEWEST),
        source_updated_at=NEWEST,
        last_change=None,
        warnings=first.warnings[:1],
    )


@pytest.mark.usefixtures("no_views")
@pytest.mark.parametrize("field", [":updated_at", "opened"])
@pytest.mark.parametrize("undated", [False, True])
def test_its_newest_change_hides_no_row_that_does_not_say_when_it_changed(
    source: Source, parks: Dataset, undated: bool, field: str
) -> None:
    parks.add_column("opened", "fixed_timestamp", value="2024-01-01T00:00:00.000Z")
    if undated:
        parks.unstamp(parks.find(name="p0"))
    agreed = spec(source={"watermark": field})
    first = plan(source, NOTHING_YET, agreed)
    known = known_after(first, trusted=True, left_out=0)
    state = replace(LOADED, target=OPENED, known={PARKS: known})

    assert first.snapshot.rows_updated_at is not None
    assert plan(source, state, agreed).nothing_to_do is not undated


@pytest.mark.usefixtures("no_views")
def test_what_the_last_load_remembers_of_its_columns_is_asked_for(
    source: Source, parks: Dataset
) -> None:
    parks.add_column("opened", "fixed_timestamp", hidden=True)
    columns = {**KNOWN.columns, "source": {**KNOWN.columns["source"], "opened": "fixed_timestamp"}}

    fresh = plan(source, NOTHING_YET)
    loaded = plan(source, replace(LOADED, known={PARKS: replace(KNOWN, columns=columns)}))

    assert [c.field for c in fresh.source] == ["name", "acres"]
    assert [c.field for c in loaded.source] == ["name", "acres", "opened"]


# -- what is around the table ---------------------------------------------------------------------


def test_a_table_that_a_run_cannot_empty_is_refused_where_it_would(
    source: Source, parks: Dataset
) -> None:
    state = replace(LOADED, around=Surroundings(referenced_by=("visits_park",)))
    resets = spec(target={"reset": True})

    with pytest.raises(TargetMismatch, match="visits_park"):
        planned(source, state, resets, mode="full")
    assert plan(source, state, resets).load == UPDATE.load
    assert plan(source, state, mode="full").load.full


@pytest.mark.parametrize(
    ("columns", "provenance", "said"),
    [
        pytest.param({"name": "text", **PROVENANCE}, True, "lacks acres. It is", id="a column"),
        pytest.param(
            {"name": "text", "acres": "numeric", "socrata_id": "text"},
            True,
            "lacks socrata_dataset, socrata_updated_at. It is",
            id="columns of provenance",
        ),
        pytest.param({"name": "text", "acres": "numeric"}, False, "", id="none that is wanted"),
    ],
)
def test_a_partition_gets_no_columns_of_its_own(
    source: Source, parks: Dataset, columns: dict[str, str], provenance: bool, said: str
) -> None:
    state = TargetState(
        target=table(**columns), before=BEFORE, around=Surroundings(partition_of="all_parks")
    )

    found = planned(source, state, spec(target={"provenance": provenance})).plans[PARKS]

    if said:
        assert isinstance(found, TargetMismatch)
        assert said in found.message
    else:
        assert isinstance(found, DatasetPlan)


def test_a_table_still_to_be_made_lacks_nothing(source: Source, parks: Dataset) -> None:
    state = replace(NOTHING_YET, around=Surroundings(of_type="park"))

    assert plan(source, state) == FIRST


@pytest.mark.parametrize(
    ("kind", "triggers", "in_two"),
    [("r", (), False), ("p", (), True), ("r", ("keeps_out",), True)],
)
def test_how_rows_are_written_is_up_to_the_table(
    source: Source, parks: Dataset, kind: str, triggers: tuple[str, ...], in_two: bool
) -> None:
    around = Surroundings(row_triggers=triggers)
    state = replace(LOADED, target=replace(TABLE, kind=kind), around=around)

    found = plan(source, state)

    assert (found.shape.in_two, found.row_triggers) == (in_two, triggers)


def test_a_plan_knows_what_the_portal_calls_the_dataset_and_says_of_it(
    source: Source, parks: Dataset
) -> None:
    parks.name, parks.description = "City Parks 2024", "See lake-0001."

    found = plan(source, NOTHING_YET)

    assert (found.name, found.description) == ("City Parks 2024", "See lake-0001.")
    assert found.columns_after["dataset"] == {"name": "City Parks 2024"}
    parks.name = PARKS
    assert "dataset" not in plan(source, NOTHING_YET).columns_after, "it has no name but its id"


@pytest.mark.parametrize(("utf8", "name"), [(True, "Grüne Parks"), (False, "Gr\\xfcne Parks")])
def test_a_plan_keeps_what_is_said_of_the_dataset_in_letters_that_the_database_has(
    source: Source, parks: Dataset, utf8: bool, name: str
) -> None:
    parks.name = "Grüne Parks"

    found = plan(source, replace(NOTHING_YET, utf8=utf8))

    assert found.columns_after["dataset"] == {"name": name}
    assert found.columns_after["about"]["title"] == name
    assert found.columns_after["described"]["name"] == "name"
