"""What a run is held to, whatever happened while it was under way.

The oracle: it knows nothing of the product's ways, only what people did at the source and when, what the
target held before and after, and what was told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.chaos.history import Version, same
from tests.chaos.judge import claims, rows
from tests.chaos.judge.look import Claim, Look, RunSeen, look, owner
from tests.chaos.judge.witness import Witness
from tests.chaos.setting import Setting
from tests.chaos.world import World
from tests.postgres.conftest import Sync

from socratasync.contract.report import DatasetReport, RunReport


@dataclass(slots=True)
class Judge:
    """Looks at the target before and after each run, and knows what must be there."""

    sync: Sync
    world: World
    setting: Setting
    witness: Witness
    _claims: dict[str, Claim] = field(default_factory=dict)
    _before: Look = field(default_factory=Look)

    def held(self) -> Look:
        """The target as it is now."""
        return look(self.sync.owner_dsn, self.setting.key)

    def begins(self) -> None:
        """A run is about to begin."""
        self._before = self.held()
        self.world.destroyed = False
        for id, chronicle in self.world.chronicles.items():
            claim = self._claims.setdefault(id, Claim())
            shown = chronicle.shown()
            claim.since = min(claim.since, shown) if claim.is_open else shown
            claim.is_open = True
        self.witness.begins(self._before)

    def ends(self, report: RunReport, *, mode: str, lies: bool = False) -> None:
        """The run has ended."""
        seen = self._seen(report, mode, lies=lies)
        self._judge_rows(seen)
        if report.error is None and not report.terminated and not seen.destroyed:
            claims.counts_of_the_run(seen)
        if report.exit_code == 0:
            assert seen.destroyed or report.rows.target == len(seen.after.rows)
            assert seen.after.stages == []
        wrote = seen.before.prints != seen.after.prints and not seen.destroyed
        self.witness.ends(report, seen.after, wrote=wrote)

    def ends_killed(self, run: str, told: dict[str, Any] | None) -> None:
        """The run was killed; ``told``: its report, where it lived to tell it."""
        seen = self._seen(None, "prune")
        rows.nothing_is_made_up(seen)
        rows.nothing_that_exists_is_deleted(seen)
        self._watermark(seen)
        self.witness.is_killed(run, told, seen.after)

    def ends_uncounted(self, report: RunReport, *, mode: str) -> None:
        """The same for a run whose report tells also what an earlier try of it did."""
        seen = self._seen(report, mode)
        self._judge_rows(seen)
        if report.exit_code == 0:
            assert seen.after.stages == []
        self.witness.ends(report, seen.after, wrote=False)

    def _seen(self, report: RunReport | None, mode: str, *, lies: bool = False) -> RunSeen:
        read = {id: claim.since for id, claim in self._claims.items()}
        return RunSeen(
            world=self.world,
            setting=self.setting,
            before=self._before,
            after=self.held(),
            claims=self._claims,
            report=report,
            mode=mode,
            still=all(c.now() == read[id] for id, c in self.world.chronicles.items()),
            lies=lies,
            destroyed=self.world.destroyed,
        )

    # -- what must hold -------------------------------------------------------------------------------

    def _judge_rows(self, seen: RunSeen) -> None:
        rows.nothing_is_made_up(seen)
        rows.nothing_that_exists_is_deleted(seen)
        self._watermark(seen)
        for id, told in seen.told.items():
            self._judge_dataset(seen, id, told)

    def _judge_dataset(self, seen: RunSeen, id: str, told: DatasetReport) -> None:
        claims.verified_is_true(seen, id, told)
        if self._admits(seen, id, told):
            return
        if told.mode == "full":
            self._claims[id].all_from = self._claims[id].since
        rows.what_is_told_is_in(seen, id, told)
        rows.no_old_key_stays(seen, id)
        if (told.mode == "full" and "prune" in seen.mode) or seen.mode == "reset":
            rows.what_is_gone_is_pruned(seen, id)
        self._claims[id].is_open = False

    def _admits(self, seen: RunSeen, id: str, told: DatasetReport) -> bool:
        """Whether the run says of the dataset that not all is in, so that the next one will read more: the
        counts differ, which leaves the watermark where it was; ``since`` was later than the watermark. And
        what others destroyed after it was merged, only the next run can know: held to everything."""
        if seen.warned(id, "rows came"):
            assert told.verified is False, f"{id} is verified, though {seen.report}"
            return True
        return seen.destroyed or seen.warned(id, "since is later than the watermark")

    def _watermark(self, seen: RunSeen) -> None:
        """What changed before the time from which the next update reads is in; unless the next run will see
        that it must read everything, since the table is empty or lacks what was loaded. A date that people
        keep says nothing of when a row changed."""
        if self.setting.hand_kept or not seen.after.rows:
            return
        for known in seen.after.datasets:
            lacks = set(known["columns"]["loaded"]) - seen.after.columns
            if known["synced_since"] is not None and not lacks:
                until = f"{known['synced_since']:%Y-%m-%dT%H:%M:%S.000Z}"
                rows.what_will_not_be_read_again_is_in(seen, known["dataset"], until)

    # -- the end --------------------------------------------------------------------------------------

    def expected(self) -> dict[str, tuple[str, Version]]:
        """Key → dataset and row: the newest of each key, now that all is quiet."""
        newest: dict[str, tuple[str, Version]] = {}
        for id, chronicle in sorted(self.world.chronicles.items()):
            for key, row in chronicle.last.winners.items():
                if key not in newest or (row.at, id) > (newest[key][1].at, newest[key][0]):
                    newest[key] = (id, row)
        return newest

    def is_that(self, expected: tuple[str, Version], held: dict[str, Any]) -> bool:
        """Whether the target's row is that one."""
        id, row = expected
        return owner(held) == id and same(row, held)
