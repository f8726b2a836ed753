"""What a run makes of the datasets that follow, by what the portal's catalogue has and what was adopted before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from socrata_simulator.http.server import Server
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.source import DatasetSpec
from socratasync.api.spec import SyncSpec
from socratasync.contract.successors import Successor
from socratasync.errors import DatasetNotFound, SchemaChanged, SyncError
from socratasync.pipeline.plan.following import Followed, follow, look, plan_followed
from socratasync.pipeline.plan.model import Before, DatasetPlan, Load, Shape, Snapshot
from socratasync.pipeline.plan.replaced import find_metadata
from socratasync.pipeline.plan.standing_still import find_onward, newest_if_still
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.soql import Watermark
from socratasync.pipeline.target.adoptions import Adoption
from socratasync.pipeline.target.bookkeeping import Known

COLUMNS = [("name", "text"), ("acres", "number")]
THIS, NEXT, LATER = "park-2026", "park-2027", "park-2028"
FOLLOW = {"name": "City Parks {year}", "adopt": "Automatic"}
NOW = datetime(2027, 1, 15, 7, tzinfo=UTC)

ADOPTED = Adoption(dataset=DatasetSpec(id=NEXT, year=2027), name="City Parks 2027")
TOLD = Successor(id=NEXT, name="City Parks 2027", year=2027, adopted=True)


@pytest.fixture(name="source")
def _source(socrata: Server) -> Iterator[Source]:
    with closing(Source(socrata.domain, policy=RetryPolicy(attempts=1))) as source:
        yield source


@pytest.fixture(name="parks", autouse=True)
def _parks(portal: Portal) -> Dataset:
    return publish(portal, THIS, "City Parks 2026")


def publish(portal: Portal, id: str = NEXT, name: str = "City Parks 2027") -> Dataset:
    return portal.add_dataset(id, COLUMNS, [{"name": "p"}], name=name)


def spec(**more: Any) -> SyncSpec:
    target = {"dsnSecretRef": {"name": "db"}, "table": "parks", "key": ["name"]}
    written = {
        "domain": "data.example.org",
        "datasets": [{"id": THIS, "year": 2026}],
        "follow": FOLLOW,
        "target": target,
        **more,
    }
    return SyncSpec.from_json({name: value for name, value in written.items() if value is not None})


def ids(spec: SyncSpec) -> list[str]:
    return [dataset.id for dataset in spec.datasets]


def asked(portal: Portal) -> list[str]:
    return [kind for kind, _, _ in portal.requests]


# -- what the manifest has come to mean --------------------------------------------------------------


def test_what_follows_alone_is_to_be_adopted(source: Source, portal: Portal) -> None:
    publish(portal)

    found = follow(spec(), source, [], resets=False)

    assert ids(found.spec) == [THIS, NEXT]
    assert found.adopting == {NEXT: ADOPTED}
    assert found.successors == (replace(TOLD, adopted=False),)
    assert (found.pinned, found.warnings) == ((), ())


def test_what_was_adopted_is_told_before_what_follows_it(source: Source, portal: Portal) -> None:
    publish(portal)
    publish(portal, LATER, "City Parks 2028")

    found = follow(spec(), source, [ADOPTED], resets=False)

    assert ids(found.spec) == [THIS, NEXT, LATER]
    assert list(found.adopting) == [LATER]
    assert found.successors is not None
    assert [(each.id, each.adopted) for each in found.successors] == [(NEXT, True), (LATER, False)]


def test_with_nothing_that_follows_what_was_adopted_is_all(source: Source) -> None:
    found = follow(spec(), source, [ADOPTED], resets=False)

    assert (ids(found.spec), found.adopting, found.successors) == ([THIS, NEXT], {}, (TOLD,))


def test_what_is_not_to_be_adopted_is_told_with_the_reason(source: Source, portal: Portal) -> None:
    publish(portal)
    publish(portal, "park-0002")

    found = follow(spec(), source, [], resets=False)

    assert found.successors is not None
    assert [each.id for each in found.successors] == ["park-0002", NEXT]
    assert all("there is a choice" in str(each.reason) for each in found.successors)
    assert (ids(found.spec), found.adopting) == ([THIS], {})


def test_what_is_pinned_is_named_once_and_told_no_more(source: Source) -> None:
    datasets = [{"id": THIS, "year": 2026}, {"id": NEXT, "year": 2027, "where": "acres > 1"}]

    found = follow(spec(datasets=datasets), source, [ADOPTED], resets=False)

    assert found.pinned == (NEXT,)
    assert found.spec == spec(datasets=datasets)
    assert found.successors == ()
    assert found.warnings == ()


@pytest.mark.parametrize(
    ("resets", "rows"),
    [(False, "in the table and stay as they are"), (True, "in the table until this reset removes")],
)
@pytest.mark.parametrize("how", [None, {"name": "City Parks {year}"}], ids=["off", "Propose"])
def test_what_was_adopted_is_warned_of_while_nothing_is_adopted(
    source: Source, how: Any, resets: bool, rows: str
) -> None:
    found = follow(spec(follow=how), source, [ADOPTED], resets=resets)

    assert ids(found.spec) == [THIS]
    (warning,) = found.warnings
    assert f"dataset {NEXT} (City Parks 2027) was adopted and is no longer read" in warning
    assert rows in warning
    assert found.successors == ()


def test_nobody_is_asked_where_nothing_is_followed(source: Source, portal: Portal) -> None:
    publish(portal)

    assert follow(spec(follow=None), source, [], resets=False) == Followed(spec=spec(follow=None))
    assert asked(portal) == []


@pytest.mark.parametrize("how", [FOLLOW, {"name": "City Parks {year}"}], ids=str)
def test_a_catalogue_that_does_not_answer_leaves_what_was_adopted(
    source: Source, portal: Portal, how: Any
) -> None:
    portal.faults.add(Fault.status(503), times=None, on="catalog")

    found = follow(spec(follow=how), source, [ADOPTED], resets=False)

    assert found.successors is None
    assert ids(found.spec) == ([THIS, NEXT] if how == FOLLOW else [THIS])
    assert "nobody could look for datasets that follow" in found.warnings[-1]
    assert len(found.warnings) == (1 if how == FOLLOW else 2)


# -- looking -----------------------------------------------------------------------------------------


def test_looking_asks_once_and_each_that_follows_for_rows(source: Source, portal: Portal) -> None:
    assert look(spec(), source, FOLLOW["name"]) == []
    assert asked(portal) == ["catalog"]
    publish(portal).delete(portal[NEXT].ids())

    assert look(spec(), source, FOLLOW["name"]) == []
    assert asked(portal)[1:] == ["catalog", "rows"]


def test_a_newest_dataset_of_another_name_is_asked_for_once_something_follows(
    source: Source, portal: Portal, parks: Dataset
) -> None:
    parks.name = "Green spaces of 2026"
    assert look(spec(), source, FOLLOW["name"]) == []
    assert asked(portal) == ["catalog"]
    publish(portal)

    (found,) = look(spec(), source, FOLLOW["name"])

    assert found.fits
    assert asked(portal)[1:3] == ["catalog", "catalog"]


def test_nothing_follows_what_has_no_year(source: Source, portal: Portal) -> None:
    publish(portal)

    undated = spec(follow=None, datasets=[{"id": THIS}])

    assert look(undated, source, FOLLOW["name"]) == []


# -- what cannot be planned ----------------------------------------------------------------------------


@dataclass
class Planner:
    """Plans what it is given, but for what it ``refuses``."""

    refuses: Mapping[str, SyncError] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)

    def __call__(self, spec: SyncSpec) -> Planner:
        self.asked.append(ids(spec))
        self.plans: dict[str, object] = {d: self.refuses.get(d, "a plan") for d in ids(spec)}
        return self


def proposed(*more: Successor) -> Followed:
    return Followed(
        spec=spec().with_adopted([ADOPTED.dataset]),
        adopting={NEXT: ADOPTED},
        successors=(replace(TOLD, adopted=False), *more),
    )


def test_what_can_be_planned_is_planned_once() -> None:
    planner = Planner()

    found, plans = plan_followed(proposed(), planner)

    assert found == proposed()
    assert list(plans.plans) == [THIS, NEXT]
    assert planner.asked == [[THIS, NEXT]]


def test_what_cannot_be_planned_is_proposed_with_the_reason() -> None:
    planner = Planner({NEXT: SchemaChanged("it has no key")})
    other = replace(TOLD, id=LATER, reason="as before")

    found, plans = plan_followed(proposed(other), planner)

    assert list(plans.plans) == [THIS]
    assert planner.asked == [[THIS, NEXT], [THIS]]
    assert found.adopting == {}
    assert found.successors == (replace(TOLD, adopted=False, reason="it has no key"), other)


def test_what_is_named_and_cannot_be_planned_keeps_nothing_from_being_adopted() -> None:
    found, plans = plan_followed(proposed(), Planner({THIS: SchemaChanged("no")}))

    assert list(found.adopting) == [NEXT]
    assert list(plans.plans) == [THIS, NEXT]


# -- a source that stands still -------------------------------------------------------------------------

WEEK = timedelta(days=7)
STILL = {"freshness": {"sourceMaxAge": "7d"}, "follow": None}


def plan(
    changed: datetime | None = NOW - WEEK,
    id: str = THIS,
    name: str = "City Parks 2026",
    description: str = "",
) -> DatasetPlan:
    shape = Shape(
        schema="public",
        table="parks",
        stage="s",
        dataset=id,
        columns=(),
        key=("name",),
        provenance=True,
    )
    return DatasetPlan(
        dataset=id,
        year=2026,
        shape=shape,
        load=Load(full=False),
        where=None,
        watermark=Watermark(),
        snapshot=Snapshot(rows=1, newest=None, rows_updated_at=changed),
        source=(),
        before=Before(exists=True, rows=1, server_version=180000),
        name=name,
        description=description,
        source_updated_at=changed,
    )


@pytest.mark.parametrize(
    ("plans", "more", "last"),
    [
        pytest.param([plan()], STILL, THIS, id="for just so long"),
        pytest.param([plan(NOW - WEEK + timedelta(seconds=1))], STILL, None, id="not yet"),
        pytest.param([plan()], {}, None, id="nobody minds"),
        pytest.param([plan()], {"freshness": {"maxLag": "1d"}}, None, id="nobody minds that"),
        pytest.param([plan(None)], STILL, None, id="nobody knows"),
        pytest.param([DatasetNotFound("gone")], STILL, None, id="it could not be planned"),
        pytest.param([], STILL, None, id="nothing is planned"),
        pytest.param([plan(NOW - 9 * WEEK), plan(id=NEXT)], STILL, NEXT, id="the newest"),
        pytest.param([plan(NOW - 9 * WEEK), plan(NOW, NEXT)], STILL, None, id="one goes on"),
    ],
)
def test_which_dataset_stands_still(
    plans: list[object], more: dict[str, Any], last: str | None
) -> None:
    found = newest_if_still(spec(**more), plans, NOW)

    assert (found.dataset if found else None) == last


def test_it_goes_on_where_its_description_says(source: Source, portal: Portal) -> None:
    publish(portal, "gree-n002", "Green spaces")
    publish(portal)
    text = f"Moved to https://data.example.org/d/gree-n002, see gone-0404; was {THIS}, not 1-gree-n002x."

    found = find_onward(spec(**STILL), source, plan(description=text))

    assert found == (
        Successor(
            id="gree-n002", name="Green spaces", reason=f"the description of {THIS} names it"
        ),
    )
    assert asked(portal) == ["catalog"]


def test_else_it_goes_on_with_its_name_and_a_newer_year(source: Source, portal: Portal) -> None:
    publish(portal)

    (found,) = find_onward(spec(**STILL), source, plan(description="as ever"))

    assert (found.id, found.name, found.year) == (NEXT, "City Parks 2027", 2027)
    assert "spec.follow is not set" in str(found.reason)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param({"name": "City Parks"}, id="its name has no year"),
        pytest.param({"name": "City Ponds 2026"}, id="nothing has its name"),
    ],
)
def test_it_may_go_on_nowhere(source: Source, portal: Portal, of: dict[str, Any]) -> None:
    publish(portal)

    assert find_onward(spec(**STILL), source, plan(**of)) == ()


def test_what_is_followed_anyhow_is_not_looked_for_again(source: Source, portal: Portal) -> None:
    publish(portal)

    assert find_onward(spec(freshness={"sourceMaxAge": "7d"}), source, plan()) == ()
    assert asked(portal) == []


def test_a_catalogue_that_does_not_answer_knows_of_nothing(source: Source, portal: Portal) -> None:
    portal.faults.add(Fault.status(503), times=None, on="catalog")

    assert find_onward(spec(**STILL), source, plan()) == ()


def test_a_description_may_name_more_than_anybody_looks_at(source: Source, portal: Portal) -> None:
    named = [f"many-{number:04}" for number in range(12)]
    for id_ in named:
        publish(portal, id_, id_)

    found = find_onward(spec(**STILL), source, plan(description=" ".join(named)))

    assert {each.id for each in found} == set(named[:10])


# -- a dataset that is gone -------------------------------------------------------------------------------


def known(name: str | None = "City Parks 2026") -> Known:
    return Known(
        dataset=THIS,
        year=2026,
        watermark_column=":updated_at",
        watermark=None,
        synced_since=None,
        source_rows=1,
        rows_updated_at=None,
        columns={"source": {}, **({"dataset": {"name": name}} if name else {})},
        query="",
    )


def test_one_that_is_there_is_described(source: Source, portal: Portal) -> None:
    assert find_metadata(source, THIS, None).name == "City Parks 2026"
    assert find_metadata(source, THIS, known()).name == "City Parks 2026"
    assert "catalog" not in asked(portal)


def test_one_that_was_replaced_is_told_with_the_ids_of_its_name(
    source: Source, portal: Portal, parks: Dataset
) -> None:
    parks.remove()
    publish(portal, "park-0001", "City Parks 2026")
    publish(portal, "park-0002", "City Parks 2026")

    with pytest.raises(DatasetNotFound) as gone:
        find_metadata(source, THIS, known())

    assert "of the same name, City Parks 2026: park-0001, park-0002. If it is" in str(gone.value)
    assert f"in the place of {THIS}" in str(gone.value)
    assert [words["limit"] for kind, _, words in portal.requests if kind == "catalog"] == ["10"]


def test_one_that_the_catalogue_still_lists_is_not_its_own_replacement(
    source: Source, portal: Portal
) -> None:
    portal.faults.add(Fault.status(404), times=None, dataset=THIS)

    with pytest.raises(DatasetNotFound) as gone:
        find_metadata(source, THIS, known())

    assert "of the same name" not in str(gone.value)


@pytest.mark.parametrize(
    "before",
    [None, known(None), known("City Ponds 2026")],
    ids=["never loaded", "loaded by an older release", "nothing has its name"],
)
def test_one_that_nothing_replaced_is_told_as_it_was(
    source: Source, portal: Portal, parks: Dataset, before: Known | None
) -> None:
    parks.remove()
    publish(portal, "park-0001", "City Parks 2026")

    with pytest.raises(DatasetNotFound, match="a dataset that was replaced has a new one") as gone:
        find_metadata(source, THIS, before)

    assert "of the same name" not in str(gone.value)


def test_one_that_is_gone_with_the_catalogue_is_told_as_it_was(
    source: Source, portal: Portal, parks: Dataset
) -> None:
    parks.remove()
    portal.faults.add(Fault.status(503), times=None, on="catalog")

    with pytest.raises(DatasetNotFound):
        find_metadata(source, THIS, known())
