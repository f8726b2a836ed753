"""What a run is held to, whatever happened while it was under way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from psycopg import sql
from tests.chaos.world import Chronicle, Version, World, plain
from tests.postgres.conftest import Row, Sync

from socratasync.contract.report import DatasetReport, RunReport

PROVENANCE = ("socrata_dataset", "socrata_id", "socrata_updated_at")

_ADMITTED = ("rows came", "since is later than the watermark")
"""In warnings that say that not all is in."""

Held = dict[str, Row]


@dataclass(slots=True)
class Claim:
    """What is known of a dataset: ``since``, the oldest state that the next run may have seen (one
    that goes on with the stage of an earlier one saw more); ``all_from``, the state from which on
    everything was read, since the last full run began."""

    since: int | None = None
    all_from: int = 0


@dataclass(slots=True)
class Judge:
    """Looks at the target before and after each run, and knows what must be there."""

    sync: Sync
    world: World
    hand_kept: bool
    claims: dict[str, Claim] = field(default_factory=dict)
    before: Held = field(default_factory=dict)
    _prints: dict[str, Any] = field(default_factory=dict)

    # -- looking --------------------------------------------------------------------------------------

    def held(self) -> tuple[Held, dict[str, Any]]:
        """Key → row as it is in the target, and key → what changes whenever the row is written."""
        if self.sync.query("SELECT to_regclass('parks') AS t")[0]["t"] is None:
            return {}, {}
        rows = self.sync.query(
            sql.SQL("SELECT xmin::text AS xmin, ctid::text AS ctid, * FROM parks")
        )
        prints = {row["name"]: (row.pop("xmin"), row.pop("ctid")) for row in rows}
        return {row["name"]: row for row in rows}, prints

    def begins(self) -> None:
        """A run is about to begin."""
        self.before, self._prints = self.held()
        for id, chronicle in self.world.chronicles.items():
            claim = self.claims.setdefault(id, Claim())
            shown = chronicle.shown()
            claim.since = shown if claim.since is None else min(claim.since, shown)

    def ends(self, report: RunReport | None, *, destroys: bool, resets: bool = False) -> None:
        """The run has ended; None: it was killed and told nothing."""
        after, prints = self.held()
        self._nothing_is_made_up(after)
        self._nothing_that_exists_is_deleted(after, destroys=destroys)
        told = {d.id: d for d in report.datasets} if report and not report.terminated else {}
        for id, chronicle in self.world.chronicles.items():
            self._is_complete(id, chronicle, told.get(id), report, after)
        if report and not report.terminated and report.error is None:
            self._counts(report, after, prints, resets=resets)
            if report.exit_code == 0:
                self._nothing_is_left_behind()
        if not self.hand_kept:
            self._watermark(after)

    def ends_uncounted(self, report: RunReport, *, destroys: bool) -> None:
        """The same for a run whose report tells also what an earlier try of it did."""
        after, _ = self.held()
        self._nothing_that_exists_is_deleted(after, destroys=destroys)
        for dataset in report.datasets:
            chronicle = self.world.chronicles[dataset.id]
            self._is_complete(dataset.id, chronicle, dataset, report, after)
        if report.exit_code == 0:
            self._nothing_is_left_behind()
        self._watermark(after)

    # -- what must hold -------------------------------------------------------------------------------

    def _nothing_is_made_up(self, after: Held) -> None:
        for key, row in after.items():
            once = set[Any]().union(
                *(c.ever.get(key, set()) for c in self.world.chronicles.values())
            )
            assert plain("acres", row["acres"]) in once, f"{key} never was {row}"

    def _nothing_that_exists_is_deleted(self, after: Held, *, destroys: bool) -> None:
        gone = set(self.before) - set(after)
        assert destroys or not gone, f"{gone} deleted by a run that deletes nothing"
        for id, chronicle in self.world.chronicles.items():
            first = self.claims[id].since
            assert first is not None
            wrong = (gone & chronicle.present(first, chronicle.now())) - self._shared(id)
            assert not wrong, f"{wrong} deleted, though always in {id}"

    def _is_complete(
        self,
        id: str,
        chronicle: Chronicle,
        told: DatasetReport | None,
        report: RunReport | None,
        after: Held,
    ) -> None:
        if told is None or told.result == "Failed":
            return
        assert report is not None
        if any(id in w and any(t in w for t in _ADMITTED) for w in report.warnings):
            return
        claim = self.claims[id]
        assert claim.since is not None
        if told.mode == "full":
            claim.all_from = claim.since
        expected = self._sure(id, claim.since)
        wrong = {
            key: (row.values, after.get(key))
            for key, row in expected.items()
            if key not in after or not same(row, after[key])
        }
        assert not wrong, f"{id} is told to be in, but for {wrong}"
        claim.since = None

    def _sure(self, id: str, first: int) -> dict[str, Version]:
        """Key → row, for rows that did not change since ``first`` and that no other once was in front of,
        as far as the target can know."""
        chronicle = self.world.chronicles[id]
        all_from = self.claims[id].all_from
        stable = chronicle.stable(first, chronicle.now(), fields_since=all_from)
        return {
            key: row
            for key, row in stable.items()
            if key not in self._shared(id) and not chronicle.was_behind(row, all_from)
        }

    def _shared(self, id: str) -> set[str]:
        """Keys that another dataset has, or had."""
        others = [c for other, c in self.world.chronicles.items() if other != id]
        return set[str]().union(*(set(c.ever) for c in others))

    def _counts(
        self, report: RunReport, after: Held, prints: dict[str, Any], *, resets: bool
    ) -> None:
        rows = report.rows
        new, gone = set(after) - set(self.before), set(self.before) - set(after)
        written = {k for k in set(after) & set(self.before) if prints[k] != self._prints[k]}
        if report.exit_code and len(self.world.chronicles) == 1:
            wrote = new | gone | written
            assert not wrote, f"{report.as_dict()} wrote {wrote}"
            return
        if resets and report.exit_code == 0:
            assert rows.deleted == len(self.before)
            assert rows.inserted == len(after)
            return
        assert rows.inserted - rows.deleted == len(after) - len(self.before)
        if len(self.world.chronicles) == 1:
            assert (rows.inserted, rows.updated, rows.deleted) == (
                len(new),
                len(written),
                len(gone),
            )
            same = {k for k in written if data(after[k]) == data(self.before[k])}
            assert not same, f"{same} were written as they were"
        if report.exit_code == 0:
            assert rows.target == len(after)

    def _nothing_is_left_behind(self) -> None:
        left = "SELECT stage FROM socratasync.checkpoints"
        assert self.sync.query(left) == []
        stages = "SELECT relname FROM pg_class WHERE relname LIKE 'stage%' AND relkind = 'r'"
        assert self.sync.query(stages) == []

    def _watermark(self, after: Held) -> None:
        """What changed before the time from which the next update reads is in."""
        if self.sync.query("SELECT to_regclass('socratasync.datasets') AS t")[0]["t"] is None:
            return
        for known in self.sync.query("SELECT dataset, synced_since FROM socratasync.datasets"):
            id, until = known["dataset"], known["synced_since"]
            if until is None or not after:
                continue
            last = self.world.chronicles[id].now()
            for key, row in self._sure(id, last).items():
                if row.rank[0] < f"{until:%Y-%m-%dT%H:%M:%S.000Z}":
                    held = plain("acres", after[key]["acres"]) if key in after else "nothing"
                    assert held == row.values["acres"], f"{key} of {row} is before {until}"


def same(row: Version, held: Row) -> bool:
    """Whether the target holds the values of a row."""
    return all(plain(f, held.get(f)) == value for f, value in row.values.items())


def data(row: Row) -> dict[str, Any]:
    """A row of the target without what tells where it came from, but the dataset."""
    return {c: v for c, v in row.items() if c not in PROVENANCE[1:]}
