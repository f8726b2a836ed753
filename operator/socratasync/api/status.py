"""``status`` of a SocrataSync: the vocabulary in which the operator tells how a sync stands.

Only the operator writes it. Nothing is required but what Kubernetes requires of a condition, and what news says at
least, for a status grows run by run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from socratasync.api.dataset_status import DatasetStatus, RowCounts, SourceNotice
from socratasync.api.news_status import NewsStatus
from socratasync.api.spec import Mode
from socratasync.api.status_parts import (
    Count,
    Instant,
    Integer,
    Name,
    Part,
    Sentence,
    StageSeconds,
    TableSize,
    Word,
    Word256,
)
from socratasync.api.status_words import Phase, Result, Trigger
from socratasync.api.successor_status import SUCCESSORS, SuccessorStatus

HISTORY: Final = 10
"""How many runs ``history`` remembers."""


Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition(Part):
    """One statement about the sync, in the form all Kubernetes objects use."""

    type: Annotated[str, Field(max_length=316, pattern="^[A-Z][A-Za-z]*$")]
    """Ready, Reconciling, Synchronizing, LastSyncSucceeded, Fresh, SourceFresh, SuccessorsLoaded, DataVerified,
    SchemaInSync, InterfaceSupported, Suspended or Stalled."""
    status: Truth
    """Whether it holds."""
    reason: Annotated[str, Field(min_length=1, max_length=1024, pattern="^[A-Z][A-Za-z0-9]*$")]
    """Why, as one stable CamelCase word."""
    message: Annotated[str, Field(max_length=32768)]
    """Why, as a sentence to act on."""
    last_transition_time: Instant
    """When the status last changed from one value to another."""
    observed_generation: Count | None = None
    """The metadata.generation that the statement is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Part):
    """How far the active run is."""

    dataset: Annotated[str, Field(max_length=64)] | None = None
    """The dataset under way."""
    stage: Word | None = None
    """download, merge or refresh."""
    rows: Count | None = None
    """Rows done."""
    total: Count | None = None
    """Rows expected."""
    percent: Annotated[float, Field(ge=0, le=100)] | None = None
    """How much of it is done."""
    updated_at: Instant | None = None
    """When this was read from the run's log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary(Part):
    """A run in short."""

    job: Name | None = None
    """Name of the run's Job."""
    uid: Word | None = None
    """UID of the Job, by which a run is counted once."""
    trigger: Trigger | None = None
    """Why it was started."""
    mode: Mode | None = None
    """What it loaded."""
    only: Name | None = None
    """What a one-off run was limited to, such as year=2020; absent for a run of all that the spec says."""
    start: Instant | None = None
    """When it started."""
    end: Instant | None = None
    """When it ended."""
    duration: Word | None = None
    """How long it took, such as 4m12s."""
    result: Result | None = None
    """Succeeded, NoChange, Failed, Cancelled, or Lost when nobody can tell."""
    reason: Word | None = None
    """Why it ended so, as one stable CamelCase word."""
    rows: RowCounts | None = None
    """Rows of all datasets together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastRun(RunSummary):
    """A finished run."""

    spec_hash: Word | None = None
    """Fingerprint of the whole spec that it ran; after a run that failed, another spec starts another run."""
    retry: Count | None = None
    """Which retry it was, from 1; absent for a run that was none."""

    created_at: Instant | None = None
    """When its Job was created. Older Jobs are done with, even if history no longer names them."""
    scheduled_at: Instant | None = None
    """The time that the schedule gave it."""
    generation: Count | None = None
    """The metadata.generation that it ran."""
    message: Sentence | None = None
    """How it ended, as a sentence to act on."""
    exit_code: Integer | None = None
    """Exit code of the worker."""
    bytes: Count | None = None
    """Bytes received from the source."""
    seconds: StageSeconds | None = None
    """Where the time went."""
    warnings: Annotated[tuple[Sentence, ...], Field(max_length=20)] | None = None
    """What a person should know although the run went well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveRun(Part):
    """The run under way."""

    job: Name | None = None
    """Name of its Job."""
    uid: Word | None = None
    """UID of its Job."""
    trigger: Trigger | None = None
    """Why it was started."""
    mode: Mode | None = None
    """What it loads."""
    only: Name | None = None
    """What a one-off run is limited to, such as year=2020; absent for a run of all that the spec says."""
    start: Instant | None = None
    """When it started."""
    scheduled_at: Instant | None = None
    """The time that the schedule gave it."""
    generation: Count | None = None
    """The metadata.generation that it runs."""
    spec_hash: Word | None = None
    """Fingerprint of the whole spec that it runs."""
    retry: Count | None = None
    """Which retry it is, from 1; absent for a run that is none."""
    progress: Progress | None = None
    """How far it is."""
    reason: Word | None = None
    """Why its worker is not at work, as one stable CamelCase word; absent while it is."""
    message: Sentence | None = None
    """Why its worker is not at work, as a sentence to act on."""
    news_from: Instant | None = None
    """From when on that is news for people; absent where it is at once. A pod that waits for a node may get one
    within minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncStatus(Part):
    """How the sync stands, as the operator last saw it."""

    observed_generation: Annotated[Integer, Field(ge=-1)] | None = None
    """The metadata.generation that the operator has acted on; -1 before it has seen the resource."""
    conditions: (
        Annotated[
            tuple[Condition, ...],
            Field(
                max_length=16,
                json_schema_extra={
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["type"],
                },
            ),
        ]
        | None
    ) = None
    """Ready: the spec is valid, and the last run of what it says now was good. Reconciling, only when true:
    what the spec says now was never loaded, and a run is to come. Synchronizing: a run is under way.
    LastSyncSucceeded. Fresh: the last good run is no longer ago than freshness.maxLag. SourceFresh: the source's
    newest change is no longer ago than freshness.sourceMaxAge. SuccessorsLoaded: no dataset that spec.follow looks for
    waits to be loaded. DataVerified: rows agree with the source's count.
    SchemaInSync: columns are as agreed. InterfaceSupported: the portal does not say that what rows are read by ends.
    Suspended. Stalled, only when true: no run will succeed, or none will start, until a person acts."""
    phase: Phase | None = None
    """All of it in one word: Pending, Syncing, Synced, Failed, Suspended or Invalid."""
    last_synced_since: Instant | None = None
    """Where the next update starts without spec.since: the oldest watermark of the datasets in use."""
    rows: RowCounts | None = None
    """Rows of the last finished run; target is what the table holds."""
    table: TableSize | None = None
    """Disk that the table takes."""
    datasets: (
        Annotated[
            tuple[DatasetStatus, ...],
            Field(
                max_length=100,
                json_schema_extra={
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["id"],
                },
            ),
        ]
        | None
    ) = None
    """How each dataset stands."""
    successors: (
        Annotated[
            tuple[SuccessorStatus, ...],
            Field(
                max_length=SUCCESSORS,
                json_schema_extra={
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["id"],
                },
            ),
        ]
        | None
    ) = None
    """Datasets of the portal that follow those of spec.datasets: those that were adopted, and those that the last run
    that looked found. Those that spec.datasets has come to name are none."""
    source_notices: Annotated[tuple[SourceNotice, ...], Field(max_length=8)] | None = None
    """What the portal says about the end of interfaces that rows are read by, as of the last run that asked them; absent
    while it says nothing."""
    last_run: LastRun | None = None
    """The last finished run of all that the spec says."""
    last_one_off: LastRun | None = None
    """The last finished one-off run. It says nothing of what it was not asked to load, so Ready, Fresh, lastRun, retries
    and the times and counts of successes and failures are those of other runs."""
    active_run: ActiveRun | None = None
    """The run under way."""
    last_schedule_time: Instant | None = None
    """The last time of the schedule that a run was started for."""
    next_schedule_time: Instant | None = None
    """When the next run is due, jitter included."""
    next_retry_time: Instant | None = None
    """When a run that failed for a cause that passes is tried again, if that is before the next one is due."""
    last_successful_time: Instant | None = None
    """When the last run that succeeded ended; one-off runs aside."""
    last_failure_time: Instant | None = None
    """When the last run that failed ended; one-off runs aside."""
    consecutive_failures: Count | None = None
    """How many runs failed since the last that succeeded; one-off runs aside."""
    missed_runs: Count | None = None
    """How many times of the schedule passed without a run."""
    last_handled_reconcile_at: Name | None = None
    """The value of the annotation socratasync.dev/requestedAt that was last acted on."""
    last_handled_full_at: Name | None = None
    """The value of the annotation socratasync.dev/full that was last acted on."""
    last_handled_cancel_at: Name | None = None
    """The value of the annotation socratasync.dev/cancelAt that was last acted on."""
    loaded_spec_hash: Name | None = None
    """Fingerprint of what the last started run was asked to load; a change of it starts a run."""
    judged_spec_hash: Name | None = None
    """Fingerprint of what the last run that was not cancelled was asked to load; Ready judges by that run only
    while it is that of the spec."""
    synced_spec_hash: Name | None = None
    """Fingerprint of what the last good run loaded; while it is not that of the spec, Reconciling or Stalled
    is True."""
    observed_schedule: Word256 | None = None
    """The schedule and its zone that the operator goes by; an edited one counts from then on."""
    slots_settled_through: Instant | None = None
    """Times of the schedule, and of retries, up to here are done with: run, missed, or dropped by a suspension
    or an edit. They are never looked at again."""
    news: NewsStatus | None = None
    """What people were told, and are to be told; absent where spec.notify names no channel."""
    history: Annotated[tuple[RunSummary, ...], Field(max_length=HISTORY)] | None = None
    """The last ten runs, newest first; outlives the Jobs."""


UNSEEN: Final = {"observedGeneration": -1}
"""The status before the operator has seen the resource: the API server fills it in. Without it, tools that go by
kstatus would take a resource that says nothing yet for one that is as it should be."""

STATUS: Final = TypeAdapter(SyncStatus)
"""Reads a status from JSON, and writes one."""
