"""What the status page tells of a sync, for every way in which one may stand, and what it never tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.controller.standings import STANDINGS

from socratasync.api.status_words import Phase
from socratasync.controller.observed.resource import Key, Resource, read_resource
from socratasync.controller.page.board import EVERY, Board, Wanted
from socratasync.controller.page.entry import ENTRY, Entry
from socratasync.controller.page.read_entry import read_entry
from socratasync.controller.page.words import Standing, headline, standing

MakeResource = Callable[..., Resource]

AS_SHOWN = {
    "not seen yet": ("Waiting", "still", ""),
    "first run": ("Loading", "busy", ""),
    "first run's pod does not start": ("Waiting", "bad", "A run cannot start"),
    "loaded": ("In step", "good", ""),
    "loaded, no schedule": ("In step", "good", ""),
    "a routine run": ("Loading", "busy", ""),
    "a routine run's pod does not start": ("Waiting", "bad", "A run cannot start"),
    "edited, not seen yet": ("In step", "good", ""),
    "the edit's run": ("Loading", "busy", ""),
    "edited while a run of the old spec is active, which then ends well": ("Waiting", "still", ""),
    "the edit is loaded": ("In step", "good", ""),
    "another schedule": ("In step", "good", ""),
    "first run failed for a cause that passes": ("Failed", "bad", "Not ready"),
    "a routine run failed for a cause that passes": ("Failed", "bad", "Not ready"),
    "first run failed and needs a person": ("Failed", "bad", "Nothing happens until somebody acts"),
    "a routine run failed and needs a person": (
        "Failed",
        "bad",
        "Nothing happens until somebody acts",
    ),
    "failed, needed a person, and the spec was corrected": (
        "Loading",
        "busy",
        "The last run failed",
    ),
    "failed, and nothing tries it again": ("Failed", "bad", "Nothing happens until somebody acts"),
    "first run cancelled, and nothing tries it again": (
        "Waiting",
        "bad",
        "Nothing happens until somebody acts",
    ),
    "a routine run was cancelled": ("In step", "good", ""),
    "a routine run's result is lost": ("Failed", "bad", "Nobody knows how the last run ended"),
    "the Job is refused": ("Failed", "bad", "Not ready"),
    "the spec cannot be read": ("Invalid", "bad", "Nothing happens until somebody acts"),
    "created suspended": ("Suspended", "still", ""),
    "suspended": ("Suspended", "still", ""),
    "edited while suspended": ("Suspended", "still", ""),
    "suspended while its first run goes on": ("Loading", "busy", ""),
    "suspended after a failure": ("Suspended", "still", "Nothing happens until somebody acts"),
}


@pytest.mark.parametrize("name", [each.name for each in STANDINGS])
def test_every_way_to_stand_is_shown_in_a_word_and_with_what_is_wrong(name: str) -> None:
    story = next(each.story for each in STANDINGS if each.name == name)

    entry = read_entry(read_resource(story().object))

    word, tone, wrong = AS_SHOWN[name]
    assert standing(entry) == Standing(word=word, tone=tone)  # type: ignore[arg-type]
    assert "; ".join(headline(trouble) for trouble in entry.troubles) == wrong
    assert entry.needs_attention == (bool(wrong) and not entry.suspended)
    assert all(trouble.message for trouble in entry.troubles)


def condition(kind: str, status: str, reason: str = "Because", message: str = "") -> dict[str, str]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message or f"{kind} is {status}",
        "lastTransitionTime": "2026-11-23T07:00:00Z",
    }


@pytest.mark.parametrize(
    ("conditions", "word"),
    [
        pytest.param([], "In step", id="nothing is wrong"),
        pytest.param([condition("Fresh", "True")], "In step", id="fresh"),
        pytest.param([condition("Fresh", "Unknown")], "In step", id="nobody knows whether fresh"),
        pytest.param([condition("Fresh", "False")], "Overdue", id="stale"),
        pytest.param([condition("DataVerified", "False")], "Rows differ", id="another count"),
        pytest.param([condition("SchemaInSync", "False")], "Columns changed", id="columns"),
        pytest.param([condition("Synchronizing", "False")], "In step", id="no run is active"),
        pytest.param(
            [condition("InterfaceSupported", "False")], "In step", id="an interface ends some day"
        ),
        pytest.param(
            [condition("SchemaInSync", "False"), condition("Fresh", "False")], "Overdue", id="both"
        ),
        pytest.param(
            [condition("Ready", "False", "WaitingForCapacity", "parks/trees has the place")],
            "In step",
            id="waits for others, whom it does not name",
        ),
        pytest.param(
            [condition("SomethingNew", "False")], "Needs attention", id="what a later release adds"
        ),
        pytest.param([condition("Ready", "False")], "Needs attention", id="not ready"),
    ],
)
def test_a_sync_whose_last_run_was_good_is_not_called_in_step_while_something_is_wrong(
    resource: MakeResource, conditions: list[dict[str, str]], word: str
) -> None:
    entry = read_entry(resource(status={"phase": "Synced", "conditions": conditions}))

    assert standing(entry).word == word
    assert standing(entry).tone == ("good" if word == "In step" else "bad")
    assert b"parks" not in ENTRY.dump_json(entry)


def test_a_sentence_that_several_conditions_say_is_told_once(resource: MakeResource) -> None:
    said = [
        condition("Ready", "False", message="no answer"),
        condition(
            "Stalled", "True", message="nothing tries it again by itself: no answer. Do this"
        ),
        condition("SchemaInSync", "False", message="agency is gone"),
    ]

    entry = read_entry(resource(status={"phase": "Failed", "conditions": said}))

    assert [each.condition for each in entry.troubles] == ["Stalled", "SchemaInSync"]


NOT_TOLD: dict[str, Any] = {
    "source": {"appTokenSecretRef": {"name": "hidden-token"}},
    "target": {
        "dsnSecretRef": {"name": "hidden-db"},
        "schema": "city",
        "table": "requests",
        "key": ["hidden_key"],
    },
    "datasets": [{"id": "rq3b-xjk8", "year": 2020, "where": "hidden_column = 1"}],
    "hooks": [{"url": "https://hidden.example.org/x"}],
    "archive": {"persistentVolumeClaim": "hidden-claim"},
    "job": {"podTemplate": {"serviceAccountName": "hidden-account"}},
}


def test_of_the_spec_only_domain_schedule_table_and_datasets_are_told(
    resource: MakeResource,
) -> None:
    found = resource(**NOT_TOLD, timeZone="America/Los_Angeles")
    assert found.problem is None

    entry = read_entry(found)

    assert "hidden" not in ENTRY.dump_json(entry).decode()
    assert (entry.domain, entry.table) == ("data.lacity.org", "city.requests")
    assert entry.schedule == "0 7 * * * America/Los_Angeles"
    assert [(each.id, each.year, each.source_rows) for each in entry.datasets] == [
        ("rq3b-xjk8", 2020, None)
    ]


def test_of_the_datasets_those_are_told_that_the_years_select(resource: MakeResource) -> None:
    entry = read_entry(resource(years=[2019]))

    assert [each.id for each in entry.datasets] == ["pvft-t768"]


@pytest.mark.parametrize(
    ("truth", "warnings"),
    [("False", ("SODA2 ends", "one row is odd")), ("True", ("one row is odd",))],
)
def test_that_an_interface_ends_is_a_warning_beside_those_of_the_run(
    resource: MakeResource, truth: str, warnings: tuple[str, ...]
) -> None:
    said = condition("InterfaceSupported", truth, message="SODA2 ends")
    last = {"result": "Succeeded", "warnings": ["one row is odd"]}

    entry = read_entry(resource(status={"conditions": [said], "lastRun": last}))

    assert (entry.warnings, entry.troubles) == (warnings, ())


def test_a_dataset_tells_the_interface_that_it_is_read_by(resource: MakeResource) -> None:
    datasets = [{"id": "rq3b-xjk8", "api": "SODA3"}, {"id": "pvft-t768"}]

    entry = read_entry(resource(status={"datasets": datasets}))

    assert {each.id: each.api for each in entry.datasets} == {
        "rq3b-xjk8": "SODA3",
        "pvft-t768": None,
    }


def test_of_the_status_no_value_of_a_row_is_told(resource: MakeResource) -> None:
    row = {"row": "hidden", "column": "hidden", "value": "hidden"}
    dataset = {"id": "rq3b-xjk8", "badValues": {"nulled": 1, "examples": [row]}, "leftOut": 2}

    entry = read_entry(resource(status={"datasets": [dataset]}))

    assert entry.datasets[0].left_out == 2
    assert "hidden" not in ENTRY.dump_json(entry).decode()


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("no answer", "no answer"),
        ("two\nlines", "two\nlines"),
        ("postgresql://city:s3cret@db/x is away", "postgresql://city:***@db/x is away"),
        ("password=s3cret", "password=***"),
        ("a\u202etxet", "a\ufffdtxet"),
        ("a\x00b\x1bc\x85d\u2066e", "a\ufffdb\ufffdc\ufffdd\ufffde"),
        ("é 漢 🙂", "é 漢 🙂"),
        ("x" * 2000, "x" * 1023 + "…"),
        (
            "x" * 1000 + "postgresql://u:" + "s3cret" * 10 + "@db",
            "x" * 1000 + "postgresql://u:***@db",
        ),
    ],
)
def test_a_sentence_is_masked_shortened_and_without_what_a_screen_would_not_show(
    resource: MakeResource, written: str, told: str
) -> None:
    status = {
        "phase": "Failed",
        "conditions": [condition("Ready", "False", message=written)],
        "lastRun": {"warnings": [written]},
        "datasets": [{"id": "rq3b-xjk8", "error": {"reason": "Failed", "message": written}}],
    }

    entry = read_entry(resource(status=status))

    assert entry.troubles[0].message == told
    assert entry.warnings == (told,)
    assert entry.datasets[0].message == told


def test_while_the_spec_cannot_be_read_the_page_shows_what_the_status_remembers(
    resource: MakeResource,
) -> None:
    status = {
        "observedSchedule": "0 7 * * * Etc/UTC",
        "conditions": [condition("Suspended", "True")],
        "datasets": [{"id": "rq3b-xjk8", "year": 2020, "sourceRows": 7}],
    }

    entry = read_entry(resource(timeZone="Mars/Olympus", status=status))

    assert (entry.domain, entry.table) == (None, None)
    assert entry.schedule == "0 7 * * * Etc/UTC"
    assert entry.suspended
    assert entry.datasets[0].source_rows == 7


def board_of(*entries: tuple[str, str, str], left_out: tuple[str, ...] = ()) -> Board:
    """Syncs by namespace, name and phase; failed ones need attention."""
    board = Board(left_out)
    for namespace, name, phase in entries:
        board.observe(_standing_so(namespace, name, phase))
    return board


def _standing_so(namespace: str, name: str, phase: str) -> Resource:
    said = [condition("Ready", "False" if phase == "Failed" else "True")]
    return read_resource(
        {
            "metadata": {
                "namespace": namespace,
                "name": name,
                "uid": "1",
                "resourceVersion": "1",
            },
            "status": {"phase": phase, "conditions": said},
        }
    )


FLEET = (
    ("parks", "trees", "Synced"),
    ("data", "la-311", "Synced"),
    ("parks", "benches", "Failed"),
    ("data", "nyc-311", "Failed"),
)


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (EVERY, ["nyc-311", "benches", "la-311", "trees"]),
        (Wanted(in_need=True), ["nyc-311", "benches"]),
        (Wanted(namespace="parks"), ["benches", "trees"]),
        (Wanted(namespace="parks", in_need=True), ["benches"]),
        (Wanted(namespace="park"), []),
    ],
)
def test_those_that_need_attention_come_first_and_a_reader_may_ask_for_some(
    wanted: Wanted, names: list[str]
) -> None:
    view = board_of(*FLEET).view()

    keys = view.keys(wanted)

    assert [entry.name for entry in view.entries(keys)] == [key.name for key in keys] == names
    assert view.phases(wanted).total() == len(names)
    assert view.namespaces() == ["data", "parks"]


def test_of_a_namespace_that_is_left_out_nothing_is_kept() -> None:
    view = board_of(*FLEET, left_out=("parks",)).view()

    assert view.namespaces() == ["data"]
    assert [key.name for key in view.keys(EVERY)] == ["nyc-311", "la-311"]


def test_a_sync_goes_when_its_resource_goes_and_a_view_stays_as_it_was() -> None:
    board = board_of(*FLEET)
    before = board.view()

    board.forget(Key("data", "nyc-311"))
    board.forget(Key("data", "unknown"))

    assert len(before.keys(EVERY)) == 4
    assert len(list(before.entries(before.keys(EVERY)))) == 4
    assert Key("data", "nyc-311") not in board.view().keys(EVERY)


@pytest.mark.parametrize("name", [each.name for each in STANDINGS])
def test_what_is_kept_packed_is_what_was_read(name: str) -> None:
    story = next(each.story for each in STANDINGS if each.name == name)
    found = read_resource(story().object)
    board = Board()

    board.observe(found)

    view = board.view()
    assert list(view.entries(view.keys(EVERY))) == [read_entry(found)]


def test_a_sync_that_says_nothing_yet_waits() -> None:
    entry = Entry(namespace="data", name="new", phase=Phase.PENDING)

    assert standing(entry) == Standing(word="Waiting", tone="still")
