"""``spec`` of a SocrataSync: all that a user declares."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StrictBool, StrictInt, ValidationError

from socratasync.api.follow import FollowSpec
from socratasync.api.job import JobSpec
from socratasync.api.names import Domain, distinct
from socratasync.api.notify import CHANNELS, HookSpec, NotifySpec
from socratasync.api.problems import problems, without_nulls
from socratasync.api.refresh import RefreshSpec
from socratasync.api.retry import RetrySpec
from socratasync.api.rules import Block, Rule
from socratasync.api.source import ArchiveSpec, DatasetSpec, SourceSpec, Year, years_of
from socratasync.api.target import FreshnessSpec, TargetSpec, VerifySpec
from socratasync.api.times import Instant, Schedule, TimeZone
from socratasync.errors import InvalidSpec

Mode = Literal["update", "full"]
MOST_DATASETS: Final = 100


def _maps_only_loaded_columns(spec: SyncSpec) -> bool:
    fields = spec.target.fields
    return not fields or all(name in fields for d in spec.datasets for name in d.columns)


class SyncSpec(Block):
    """What is kept in step, with what, and when."""

    rules = (
        Rule(
            message="must be years of spec.datasets: give the datasets their year, or take the year out",
            holds=lambda spec: set(spec.years) <= years_of(spec.datasets),
            cel="!has(self.years) || "
            "self.years.all(y, self.datasets.exists(d, has(d.year) && d.year == y))",
            field="years",
        ),
        Rule(
            message="bounds an update and means nothing with mode: full; "
            "take it out, or set mode: update",
            holds=lambda spec: spec.since is None or spec.mode == "update",
            cel="!has(self.since) || self.mode == 'update'",
            field="since",
        ),
        Rule(
            message="must map only columns that spec.target.fields lists: "
            "add them there, or take them out of columns",
            holds=_maps_only_loaded_columns,
            cel="!has(self.target.fields) || size(self.target.fields) == 0 || "
            "self.datasets.all(d, !has(d.columns) || d.columns.all(c, c in self.target.fields))",
            field="datasets",
        ),
        Rule(
            message="needs a dataset with a year, after which newer ones follow: give spec.datasets their year",
            holds=lambda spec: spec.follow is None or bool(years_of(spec.datasets)),
            cel="!has(self.follow) || self.datasets.exists(d, has(d.year))",
            field="follow",
        ),
    )

    domain: Domain
    """The portal's host, such as data.lacity.org, with :port if need be. Always HTTPS."""
    datasets: Annotated[
        tuple[DatasetSpec, ...],
        Field(
            min_length=1,
            max_length=MOST_DATASETS,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["id"],
            },
        ),
        Rule(
            message="must name each id once",
            holds=lambda datasets: len({d.id for d in datasets}) == len(datasets),
        ),
    ]
    """The datasets that share the target table, each with its own watermark."""
    follow: FollowSpec | None = None
    """Look at the portal for the datasets that follow those of spec.datasets, such as the next year's. Left out: nobody
    looks."""
    years: Annotated[
        tuple[Year, ...], Field(max_length=100), distinct("must name each year once")
    ] = ()
    """Load only the datasets of these years. Left out: all."""
    mode: Mode = "update"
    """update: new and changed rows since the last run (all rows of a dataset that was never loaded, or is
    to be loaded differently). full: all rows, every time."""
    since: Instant | None = None
    """Lower bound of an update, for all datasets; left out, each goes on from its own watermark. One later
    than the watermark leaves that where it is. A moment with its zone, such as 2024-01-01T00:00:00Z."""
    schedule: Schedule | None = None
    """When to run: five cron fields, such as "0 7 * * *", or @hourly, @daily, @weekly, @monthly, @yearly.
    Left out: one run for each change of the spec."""
    time_zone: TimeZone = "Etc/UTC"
    """IANA time zone that the schedule is in, such as America/Los_Angeles."""
    starting_deadline_seconds: Annotated[StrictInt, Field(ge=1, le=31_536_000)] | None = None
    """How many seconds after its time, jitter included, a run of the schedule may still start. Left out:
    however late, but only the newest missed one."""
    jitter_seconds: Annotated[StrictInt, Field(ge=0, le=86_400)] = 0
    """Spreads starts over so many seconds: always the same delay for one object, another for others."""
    suspend: StrictBool = False
    """No new runs while true. What is missed meanwhile is never made up for."""
    successful_runs_history_limit: Annotated[StrictInt, Field(ge=0, le=100)] = 3
    """How many Jobs of runs that succeeded are kept."""
    failed_runs_history_limit: Annotated[StrictInt, Field(ge=0, le=100)] = 1
    """How many Jobs of runs that failed are kept."""
    source: SourceSpec = SourceSpec()
    """How Socrata is asked."""
    target: TargetSpec
    """The table that is kept in step."""
    refresh: RefreshSpec = RefreshSpec()
    """What follows once the data is in."""
    verify: VerifySpec = VerifySpec()
    """Whether rows are counted against the source's own count."""
    freshness: FreshnessSpec | None = None
    """How long ago the last good run may have ended before the condition Fresh is False, and how long the source
    may stand still before SourceFresh is."""
    hooks: Annotated[tuple[HookSpec, ...], Field(max_length=16)] = ()
    """HTTP calls after a run that changed data, in this order."""
    notify: Annotated[tuple[NotifySpec, ...], Field(max_length=CHANNELS)] = ()
    """Messages to people: a list of channels, each with its occasions."""
    archive: ArchiveSpec | None = None
    """Keep each download as gzip CSV."""
    parallelism: Annotated[StrictInt, Field(ge=1, le=16)] = 2
    """Datasets downloaded at once within a pod."""
    job: JobSpec = JobSpec()
    """The Kubernetes Job that carries out a run."""
    retry: RetrySpec = RetrySpec()
    """When a run that failed for a cause that passes is tried again, before the next one is due."""

    def selected_datasets(self) -> tuple[DatasetSpec, ...]:
        """The datasets to load: those of ``years``, or all."""
        if not self.years:
            return self.datasets
        return tuple(dataset for dataset in self.datasets if dataset.year in self.years)

    @property
    def adopts(self) -> bool:
        """Whether datasets that follow those of the manifest are loaded without being named in it."""
        return self.follow is not None and self.follow.adopt == "Automatic"

    def with_adopted(self, adopted: Iterable[DatasetSpec]) -> SyncSpec:
        """The spec that is carried out: with the datasets that were adopted, as long as it adopts, and but for those
        that it has come to name itself."""
        named = {dataset.id for dataset in self.datasets}
        more = tuple(each for each in adopted if each.id not in named) if self.adopts else ()
        datasets = (self.datasets + more)[:MOST_DATASETS]
        return self.model_copy(update={"datasets": datasets}) if more else self

    def resets(self, mode: Mode) -> bool:
        """Whether the table is to hold exactly what a run loads."""
        return self.target.reset and mode == "full"

    def counts_rows(self, mode: Mode) -> bool:
        """Whether a run asks the source how many rows there are: where rows are deleted for not having come,
        whatever ``verify`` says."""
        destroys = self.target.prune or self.resets(mode)
        return destroys or self.verify.row_count != "Off"

    def dataset(self, id_: str) -> DatasetSpec:
        """The dataset of that id, which must be one of ``datasets``."""
        return next(dataset for dataset in self.datasets if dataset.id == id_)

    @classmethod
    def from_json(cls, spec: str | Mapping[str, Any]) -> SyncSpec:
        """Read a ``spec`` in the manifest's names, as JSON text or as the parsed object.

        Raises ``InvalidSpec``: one line per problem, the field's path and a sentence.
        """
        try:
            data = json.loads(spec) if isinstance(spec, str) else spec
        except ValueError as exc:
            raise InvalidSpec(f"spec: is not JSON: {exc}") from exc
        try:
            return cls.model_validate(without_nulls(data), by_alias=True, by_name=False)
        except ValidationError as exc:
            raise InvalidSpec("\n".join(problems(cls, exc))) from exc

    def to_json(self, *, for_worker: bool = False) -> str:
        """Compact JSON in the manifest's names that ``from_json`` reads back to an equal spec; ``for_worker``
        leaves out what only the operator needs."""
        left_out = ("job", "notify") if for_worker else ()
        data = {k: v for k, v in self.as_manifest().items() if k not in left_out}
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
