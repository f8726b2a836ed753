"""What a scrape gets: names and labels as documented, counts once, nothing of what is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.unit.controller.conftest import at

from socratasync.api.dataset_status import DatasetStatus, RowCounts
from socratasync.api.status import Condition, LastRun, SyncStatus, Truth
from socratasync.api.status_parts import StageSeconds
from socratasync.api.status_words import Result, Trigger
from socratasync.controller.action import Missed, RunToStart
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.observed.resource import Key, Resource

MakeResource = Callable[..., Resource]
NOW = at("2026-11-23T08:00")
WHERE = 'name="la-311",namespace="data"'


def condition(kind: str, status: Truth) -> Condition:
    return Condition(
        type=kind, status=status, reason="Because", message="", last_transition_time=NOW
    )


LAST_RUN = LastRun(
    job="j",
    result=Result.SUCCEEDED,
    reason="Succeeded",
    trigger=Trigger.SCHEDULE,
    rows=RowCounts(inserted=2, updated=0, target=90),
    bytes=4096,
    seconds=StageSeconds(download=61.0, merge=1.0),
)
STATUS = SyncStatus(
    last_successful_time=at("2026-11-23T07:04:12"),
    last_synced_since=at("2026-11-22T06:00"),
    next_schedule_time=at("2026-11-24T07:00"),
    last_run=LAST_RUN,
    conditions=(condition("Ready", "True"), condition("Fresh", "False")),
    datasets=(
        DatasetStatus(
            id="rq3b-xjk8",
            source_rows=50,
            rows=RowCounts(target=49),
            source_updated_at=at("2026-11-23T06:00"),
            last_synced_since=at("2026-11-22T06:00"),
        ),
    ),
)


class Clock:
    """A time that a test sets."""

    now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture(name="clock")
def _clock() -> Clock:
    return Clock()


@pytest.fixture(name="metrics")
def _metrics(clock: Clock) -> Metrics:
    return Metrics(clock)


def scrape(metrics: Metrics) -> list[str]:
    """The lines of a scrape, which Prometheus' own parser must take; labels by name."""
    text = b"".join(metrics.scrape()).decode()
    lines = [line for line in text.splitlines() if line.startswith("#")]
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{value}"' for name, value in sorted(sample.labels.items()))
            lines.append(
                f"{sample.name}{{{labels}}} {sample.value}"
                if labels
                else f"{sample.name} {sample.value}"
            )
    return lines


def test_gauges_come_from_the_status(metrics: Metrics, resource: MakeResource) -> None:
    metrics.observe(resource(status=STATUS))
    lines = scrape(metrics)

    for line in (
        f'socratasync_info{{domain="data.lacity.org",mode="update",{WHERE},schedule="0 7 * * *"}} 1.0',
        f'socratasync_status_condition{{{WHERE},status="True",type="Ready"}} 1.0',
        f'socratasync_status_condition{{{WHERE},status="False",type="Fresh"}} 1.0',
        f"socratasync_suspended{{{WHERE}}} 0.0",
        f"socratasync_last_success_timestamp_seconds{{{WHERE}}} 1795417452.0",
        f"socratasync_expected_interval_seconds{{{WHERE}}} 86400.0",
        f"socratasync_last_run_succeeded{{{WHERE}}} 1.0",
        f'socratasync_dataset_source_rows{{dataset="rq3b-xjk8",{WHERE}}} 50.0',
        f'socratasync_dataset_target_rows{{dataset="rq3b-xjk8",{WHERE}}} 49.0',
    ):
        assert line in lines
    assert not any(line.startswith("socratasync_last_failure_timestamp_seconds{") for line in lines)


@pytest.mark.parametrize(("count", "series"), [(2, "2.0"), (0, "0.0"), (None, None)])
def test_frozen_columns_are_counted(
    metrics: Metrics, resource: MakeResource, count: int | None, series: str | None
) -> None:
    dataset = DatasetStatus(id="rq3b-xjk8", frozen_column_count=count)
    metrics.observe(resource(status=replace(STATUS, datasets=(dataset,))))

    name = f'socratasync_dataset_frozen_columns{{dataset="rq3b-xjk8",{WHERE}}} '
    assert [line for line in scrape(metrics) if line.startswith(name)] == (
        [name + series] if series else []
    )


def test_a_dataset_says_which_interface_it_is_read_by_once_that_is_known(
    metrics: Metrics, resource: MakeResource
) -> None:
    datasets = (DatasetStatus(id="rq3b-xjk8", api="SODA3"), DatasetStatus(id="pvft-t768"))
    metrics.observe(resource(status=replace(STATUS, datasets=datasets)))

    name = "socratasync_dataset_source_info{"
    assert [line for line in scrape(metrics) if line.startswith(name)] == [
        f'{name}api="SODA3",dataset="rq3b-xjk8",{WHERE}}} 1.0'
    ]


def counts(metrics: Metrics, name: str = "socratasync_runs_total") -> dict[str, float]:
    """The scrape's series of one counter that are not 0, by their labels other than the resource's."""
    found = {}
    for line in scrape(metrics):
        if line.startswith(f"{name}{{"):
            labels, number = line.removeprefix(f"{name}{{").split("} ")
            found[labels.replace(f"{WHERE},", "").replace(WHERE, "")] = float(number)
    return found


@pytest.mark.parametrize(
    ("spec", "trigger"),
    [({}, "Schedule"), ({"schedule": None}, "SpecChange")],
    ids=["with a schedule", "without one"],
)
def test_what_ordinarily_comes_is_there_with_0_from_the_first_scrape(
    metrics: Metrics, resource: MakeResource, spec: dict[str, None], trigger: str
) -> None:
    metrics.observe(resource(**spec))

    assert counts(metrics) == {
        f'result="{result}",trigger="{trigger}"': 0
        for result in ("Succeeded", "NoChange", "Failed")
    }
    ops = ("downloaded", "inserted", "updated", "unchanged", "deleted")
    assert counts(metrics, "socratasync_rows_total") == {f'op="{op}"': 0 for op in ops}
    assert counts(metrics, "socratasync_downloaded_bytes_total") == {"": 0}
    assert set(counts(metrics, "socratasync_missed_runs_total").values()) <= {0}
    assert len(counts(metrics, "socratasync_operator_reconcile_failures_total")) == 6


@pytest.mark.parametrize("trigger", [Trigger.SCHEDULE, Trigger.MANUAL])
def test_a_new_series_shows_0_until_every_scraper_has_seen_it(
    metrics: Metrics, clock: Clock, resource: MakeResource, trigger: Trigger
) -> None:
    one = resource(status=STATUS)
    metrics.observe(one)
    run = replace(LAST_RUN, result=Result.FAILED, reason="BadValue", trigger=trigger)
    labels = f'result="Failed",trigger="{trigger}"'
    seconds = f'socratasync_run_duration_seconds_count{{{WHERE},stage="merge"}} '

    for passed, shown in ((0, 0), (119, 0), (1, 1)):
        if passed == 0:
            metrics.run_ended(one.key, run)
        clock.now += timedelta(seconds=passed)
        assert counts(metrics)[labels] == shown
        assert counts(metrics, "socratasync_failures_total") == {'reason="BadValue"': shown}
        assert f"{seconds}{float(shown)}" in scrape(metrics)
    metrics.run_ended(one.key, run)

    assert counts(metrics)[labels] == 2, "what was seen once is counted at once"


def test_a_resource_that_comes_again_starts_from_0(
    metrics: Metrics, clock: Clock, resource: MakeResource
) -> None:
    one, labels = resource(status=STATUS), 'result="Succeeded",trigger="Schedule"'
    metrics.run_ended(one.key, LAST_RUN)
    clock.now += timedelta(minutes=1)
    metrics.forget(one.key)
    metrics.run_ended(one.key, LAST_RUN)

    for passed, shown in ((0, 0), (119, 0), (1, 1)):
        clock.now += timedelta(seconds=passed)
        metrics.run_ended(Key("data", f"other-{passed}"), LAST_RUN)  # which clears away what is old
        assert counts(metrics)[labels] == shown


def test_no_series_comes_twice(metrics: Metrics, resource: MakeResource) -> None:
    for each in (resource(status=STATUS), resource(name="other", status=STATUS)):
        metrics.observe(each)
        metrics.run_ended(each.key, LAST_RUN)
    series = [line.rpartition(" ")[0] for line in scrape(metrics) if not line.startswith("#")]

    assert len(series) == len(set(series))


def test_every_documented_name_is_there(metrics: Metrics) -> None:
    described = {line.split()[2] for line in scrape(metrics) if line.startswith("# TYPE")}

    assert described >= set(
        "socratasync_info socratasync_status_condition socratasync_suspended "
        "socratasync_last_success_timestamp_seconds socratasync_last_failure_timestamp_seconds "
        "socratasync_last_synced_since_timestamp_seconds socratasync_next_run_timestamp_seconds "
        "socratasync_expected_interval_seconds socratasync_last_run_succeeded socratasync_runs_total "
        "socratasync_missed_runs_total socratasync_run_duration_seconds "
        "socratasync_job_creation_skew_seconds socratasync_dataset_source_rows "
        "socratasync_dataset_target_rows socratasync_rows_total socratasync_downloaded_bytes_total "
        "socratasync_dataset_source_updated_timestamp_seconds "
        "socratasync_dataset_synced_through_timestamp_seconds socratasync_dataset_frozen_columns "
        "socratasync_operator_build_info "
        "socratasync_operator_reconcile_duration_seconds "
        "socratasync_operator_last_reconcile_timestamp_seconds "
        "socratasync_operator_reconcile_failures_total socratasync_operator_runs "
        "socratasync_success_due_timestamp_seconds socratasync_failures_total socratasync_status_reason "
        "socratasync_active_run_start_timestamp_seconds socratasync_run_stuck "
        "process_cpu_seconds_total process_resident_memory_bytes process_start_time_seconds".split()
    )


def test_a_run_that_ended_is_counted(
    metrics: Metrics, clock: Clock, resource: MakeResource
) -> None:
    key = resource().key
    metrics.run_ended(key, LAST_RUN)
    metrics.run_ended(
        key,
        replace(
            LAST_RUN, result=Result.FAILED, reason="BadValue", rows=None, bytes=None, seconds=None
        ),
    )
    metrics.slots_missed(key, Missed(newest=NOW, count=3, reason="Superseded"))
    clock.now += timedelta(minutes=2)
    lines = scrape(metrics)

    for line in (
        f'socratasync_runs_total{{{WHERE},result="Succeeded",trigger="Schedule"}} 1.0',
        f'socratasync_runs_total{{{WHERE},result="Failed",trigger="Schedule"}} 1.0',
        f'socratasync_failures_total{{{WHERE},reason="BadValue"}} 1.0',
        f'socratasync_missed_runs_total{{{WHERE},reason="Superseded"}} 3.0',
        f'socratasync_rows_total{{{WHERE},op="inserted"}} 2.0',
        f"socratasync_downloaded_bytes_total{{{WHERE}}} 4096.0",
        f'socratasync_run_duration_seconds_bucket{{le="60.0",{WHERE},stage="download"}} 0.0',
        f'socratasync_run_duration_seconds_bucket{{le="120.0",{WHERE},stage="download"}} 1.0',
        f'socratasync_run_duration_seconds_sum{{{WHERE},stage="download"}} 61.0',
    ):
        assert line in lines


def test_a_resource_that_is_gone_leaves_no_series(metrics: Metrics, resource: MakeResource) -> None:
    one, other = resource(status=STATUS), resource(name="other", status=STATUS)
    for each in (one, other):
        metrics.observe(each)
        metrics.run_ended(each.key, LAST_RUN)

    metrics.forget(one.key)

    assert not any('name="la-311"' in line for line in scrape(metrics))
    assert any('name="other"' in line for line in scrape(metrics))


@pytest.mark.parametrize(("trigger", "count"), [(Trigger.SCHEDULE, 1.0), (Trigger.CATCH_UP, 0.0)])
def test_only_a_slot_on_time_tells_how_late_the_operator_is(
    metrics: Metrics, trigger: Trigger, count: float
) -> None:
    due = at("2026-11-23T07:59:59")
    metrics.job_created(
        RunToStart(job="j", trigger=trigger, mode="update", fingerprint="f", due=due), NOW
    )

    assert f"socratasync_job_creation_skew_seconds_count {count}" in scrape(metrics)


def test_labels_are_escaped(metrics: Metrics, resource: MakeResource) -> None:
    one = resource(status=STATUS)
    metrics.observe(replace(one, key=Key("data", 'a"b\\c\nd')))

    assert any('a"b\\c\nd' in line for line in scrape(metrics))
