"""What a one-off run is limited to: the words for it, and what they make of a manifest."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.api.one_off import limited, mode_of
from socratasync.api.selection import (
    EVERYTHING,
    LONGEST_REQUEST,
    Range,
    Selection,
    read_request,
    read_selection,
    select,
    write_request,
)
from socratasync.api.spec import Mode, SyncSpec
from socratasync.errors import InvalidRequest

SINCE, UNTIL = datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)

MOMENTS = st.integers(-30_000_000, 200_000_000_000).map(lambda s: SINCE + timedelta(milliseconds=s))


@st.composite
def selections(draw: st.DrawFn) -> Selection:
    years = draw(st.lists(st.integers(1900, 2200), unique=True, max_size=3))
    datasets = draw(
        st.lists(st.from_regex("[a-z0-9]{4}-[a-z0-9]{4}", fullmatch=True), unique=True, max_size=3)
    )
    since, until = draw(
        st.one_of(st.just([None, None]), st.lists(MOMENTS, min_size=2, max_size=2, unique=True))
    )
    if since and until and since > until:
        since, until = until, since
    since, until = draw(st.sampled_from([(since, until), (since, None), (None, until)]))
    reset = draw(st.booleans()) and since is None and until is None
    return Selection(
        years=tuple(years), datasets=tuple(datasets), since=since, until=until, reset=reset
    )


@given(selections())
def test_what_is_written_is_read_as_it_was(selection: Selection) -> None:
    assert read_selection(selection.text) == selection
    assert read_request(write_request("2026-11-30T07:00:00.000Z", selection)) == selection


@pytest.mark.parametrize(
    ("value", "selection"),
    [
        pytest.param("2026-11-30T07:00:00.000Z", EVERYTHING, id="a token"),
        pytest.param("1764486000", EVERYTHING, id="another"),
        pytest.param("Mon Nov 30 07:00:00 UTC 2026", EVERYTHING, id="as date writes it"),
        pytest.param("x" * 300, EVERYTHING, id="a long one"),
        pytest.param("1 year=2020", Selection(years=(2020,)), id="a year"),
        pytest.param("year=2020", Selection(years=(2020,)), id="no token at all"),
        pytest.param("Mon Nov 30 year=2020", Selection(years=(2020,)), id="a token of words"),
        pytest.param("1 year=2020,2019,2020", Selection(years=(2020, 2019)), id="each year once"),
        pytest.param(
            "1 dataset=abcd-1234,efgh-5678",
            Selection(datasets=("abcd-1234", "efgh-5678")),
            id="datasets",
        ),
        pytest.param(
            "1 since=2024-01-01 until=2024-02-01", Selection(since=SINCE, until=UNTIL), id="dates"
        ),
        pytest.param(
            "1 until=2024-01-31T19:00:00-05:00", Selection(until=UNTIL), id="a moment in its zone"
        ),
        pytest.param("1 reset=true", Selection(reset=True), id="a reset"),
        pytest.param("1 reset=false", EVERYTHING, id="no reset"),
    ],
)
def test_requests_that_are_understood(value: str, selection: Selection) -> None:
    assert read_request(value) == selection


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param("1 yaer=2020", "'yaer=2020' is not understood; write year=2020,", id="a slip"),
        pytest.param("1 year=", "'year=' is not understood", id="nothing named"),
        pytest.param("1 =2020", "'=2020' is not understood", id="no name"),
        pytest.param("1 year=20", "year must be four digits, such as 2020, not '20'", id="no year"),
        pytest.param("1 year=2020,", "not ''", id="half a list"),
        pytest.param("1 year=2020 year=2019", "write year=A,B for several", id="twice"),
        pytest.param(
            "1 dataset=x", "dataset must be an id, such as rq3b-xjk8, not 'x'", id="no dataset"
        ),
        pytest.param("1 dataset=ABCD-1234", "dataset must be an id", id="none of Socrata's"),
        pytest.param("1 since=monday", "since must be a date or time, such as", id="no time"),
        pytest.param("1 until=0001-01-01", "until must lie in the years 2 to 9998", id="too early"),
        pytest.param(
            "1 since=2024-02-01 until=2024-01-01", "must be before until", id="the wrong way round"
        ),
        pytest.param("1 since=2024-02-01 until=2024-02-01", "must be before until", id="no time"),
        pytest.param("1 reset=yes", "reset must be true or false, not 'yes'", id="no truth"),
        pytest.param("1 reset=true since=2024-01-01", "leave one out", id="a reset of a range"),
        pytest.param("1 reset=true until=2024-01-01", "leave one out", id="or of its end"),
        pytest.param(
            f"{'x' * (LONGEST_REQUEST - 9)} year=2020",
            "the request has 254 characters, and 253 is the most",
            id="one too long to be remembered",
        ),
    ],
)
def test_requests_that_are_refused(value: str, why: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_request(value)

    assert why in caught.value.message


def test_the_longest_request_is_read_whole() -> None:
    assert read_request(f"{'x' * (LONGEST_REQUEST - 10)} year=2020") == Selection(years=(2020,))


def test_a_request_too_long_is_not_written() -> None:
    with pytest.raises(InvalidRequest, match="name fewer datasets, or years instead"):
        write_request("1", select(datasets=[f"abcd-{n}" for n in range(1000, 1030)]))


# what becomes of a manifest

SPEC: dict[str, Any] = {
    "domain": "data.lacity.org",
    "datasets": [
        {"id": "aaaa-2019", "year": 2019},
        {"id": "aaaa-2020", "year": 2020},
        {"id": "bbbb-2020", "year": 2020},
        {"id": "cccc-0000"},
    ],
    "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
}


def spec(target: dict[str, Any] | None = None, **more: Any) -> SyncSpec:
    whole = {**copy.deepcopy(SPEC), **more}
    whole["target"].update(target or {})
    return SyncSpec.from_json(whole)


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        pytest.param(
            EVERYTHING, ["aaaa-2019", "aaaa-2020", "bbbb-2020", "cccc-0000"], id="everything"
        ),
        pytest.param(Selection(years=(2020,)), ["aaaa-2020", "bbbb-2020"], id="a year"),
        pytest.param(
            Selection(years=(2020, 2019)), ["aaaa-2019", "aaaa-2020", "bbbb-2020"], id="years"
        ),
        pytest.param(
            Selection(datasets=("cccc-0000", "aaaa-2020")),
            ["aaaa-2020", "cccc-0000"],
            id="datasets, in the manifest's order",
        ),
        pytest.param(
            Selection(years=(2020,), datasets=("bbbb-2020",)), ["bbbb-2020"], id="both must hold"
        ),
    ],
)
def test_the_datasets_that_are_selected(selection: Selection, chosen: list[str]) -> None:
    found = limited(spec(), selection, "full")

    assert [dataset.id for dataset in found.selected_datasets()] == chosen


def test_the_manifests_own_years_hold_as_well() -> None:
    found = limited(spec(years=[2019, 2020]), Selection(datasets=("aaaa-2019",)), "full")

    assert [dataset.id for dataset in found.selected_datasets()] == ["aaaa-2019"]


@pytest.mark.parametrize(
    ("selection", "more", "why"),
    [
        pytest.param(
            Selection(datasets=("aaaa-2020", "dddd-0000")),
            {},
            "the manifest loads no dataset dddd-0000; it loads aaaa-2019, aaaa-2020, bbbb-2020, cccc-0000",
            id="a dataset that is not in the manifest",
        ),
        pytest.param(
            Selection(datasets=("aaaa-2020",)),
            {"years": [2019]},
            "the manifest loads no dataset aaaa-2020; it loads aaaa-2019",
            id="one that its years leave out",
        ),
        pytest.param(
            Selection(years=(2020, 2021)),
            {},
            "no dataset is of the year 2021; their years are 2019, 2020",
            id="a year that is not in the manifest",
        ),
        pytest.param(
            Selection(years=(2019,), datasets=("cccc-0000",)),
            {},
            "no dataset named is of the year 2019; their years are not given in the manifest",
            id="a year of a dataset without one",
        ),
        pytest.param(
            Selection(years=(2020,), datasets=("aaaa-2020", "aaaa-2019")),
            {},
            "dataset aaaa-2019 is of none of the years 2020",
            id="a dataset of another year",
        ),
    ],
)
def test_what_the_manifest_does_not_load(
    selection: Selection, more: dict[str, Any], why: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        limited(spec(**more), selection, "full")

    assert caught.value.message == why


ONE, ALL = Selection(years=(2019,)), EVERYTHING
RESET_ONE, RESET_ALL = Selection(years=(2019,), reset=True), Selection(reset=True)


@pytest.mark.parametrize(
    ("target", "selection", "mode", "resets", "prunes"),
    [
        pytest.param({}, ONE, "full", False, False, id="nothing is deleted unasked"),
        pytest.param({"prune": True}, ONE, "full", False, True, id="a manifest that prunes"),
        pytest.param({"prune": True}, ONE, "update", False, True, id="also in an update"),
        pytest.param({}, RESET_ONE, "full", False, True, id="some are pruned for a reset"),
        pytest.param({}, RESET_ALL, "full", True, False, id="all empty the table"),
        pytest.param({"prune": True}, RESET_ALL, "full", True, False, id="instead of being pruned"),
        pytest.param({"reset": True}, ALL, "full", True, False, id="as the manifest says"),
        pytest.param({"reset": True}, ONE, "full", False, True, id="but not for some of them"),
        pytest.param({"reset": True}, ONE, "update", False, False, id="an update replaces nothing"),
        pytest.param({"reset": True}, Selection(since=SINCE), "update", False, False, id="a range"),
        pytest.param(
            {"prune": True}, Selection(until=SINCE), "update", False, False, id="nor that"
        ),
        pytest.param(
            {"provenance": False}, RESET_ALL, "full", True, False, id="no need to tell rows apart"
        ),
        pytest.param({"provenance": False}, ONE, "full", False, False, id="nor here"),
    ],
)
def test_what_is_deleted(
    target: dict[str, Any], selection: Selection, mode: Mode, resets: bool, prunes: bool
) -> None:
    found = limited(spec(target), selection, mode)

    assert (found.resets(mode), found.target.prune) == (resets, prunes)


FOLLOWS = {"name": "Cases {year}", "adopt": "Automatic"}


@pytest.mark.parametrize("follow", [None, FOLLOWS], ids=["follows nothing", "follows"])
@pytest.mark.parametrize("mode", ["update", "full"])
def test_a_run_of_everything_is_the_manifests_own(
    mode: Mode, follow: dict[str, str] | None
) -> None:
    whole = spec({"reset": True}, years=[2019, 2020], follow=follow)

    assert limited(whole, EVERYTHING, mode) is whole


def test_a_one_off_run_looks_for_nothing_that_follows() -> None:
    assert limited(spec(follow=FOLLOWS), ONE, "full").follow is None


@pytest.mark.parametrize(
    ("follow", "resets"),
    [(None, True), ({**FOLLOWS, "adopt": "Propose"}, True), (FOLLOWS, False)],
    ids=["nothing follows", "it is named", "it is loaded"],
)
def test_all_that_a_manifest_names_is_not_the_whole_table_where_more_is_loaded_by_itself(
    follow: dict[str, str] | None, resets: bool
) -> None:
    found = limited(spec(follow=follow), RESET_ALL, "full")

    assert (found.resets("full"), found.target.prune) == (resets, not resets)


@pytest.mark.parametrize(
    ("target", "selection", "mode", "why"),
    [
        pytest.param({}, RESET_ONE, "full", "name all datasets", id="a reset of some"),
        pytest.param({"reset": True}, ONE, "full", "name all datasets", id="by the manifest"),
        pytest.param(
            {}, Selection(since=SINCE), "update", "newer than those of a range", id="range"
        ),
    ],
)
def test_what_a_table_without_provenance_cannot_take(
    target: dict[str, Any], selection: Selection, mode: Mode, why: str
) -> None:
    with pytest.raises(InvalidRequest, match=why):
        limited(spec({**target, "provenance": False}), selection, mode)


@pytest.mark.parametrize(
    ("selection", "usual", "mode"),
    [
        pytest.param(EVERYTHING, "update", "update", id="as ever"),
        pytest.param(ONE, "update", "update", id="some datasets"),
        pytest.param(ONE, "full", "full", id="some datasets in full"),
        pytest.param(RESET_ONE, "update", "full", id="what is replaced is read whole"),
        pytest.param(Selection(since=SINCE), "full", "update", id="a range is not"),
        pytest.param(Selection(until=SINCE), "full", "update", id="nor by its end"),
    ],
)
def test_how_it_is_loaded(selection: Selection, usual: Mode, mode: Mode) -> None:
    assert mode_of(selection, usual) == mode


def test_a_range_has_the_ends_that_were_given() -> None:
    assert Selection(since=SINCE, until=UNTIL).range == Range(since=SINCE, until=UNTIL)
    assert Selection(until=UNTIL).range == Range(until=UNTIL)
    assert EVERYTHING.range is None
