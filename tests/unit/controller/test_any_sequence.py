"""Random clocks, edits, kills and Job outcomes: whatever happens, in whatever order, the rules hold.

No slot is run twice, none is lost but by rule, two Jobs are never active at once, each result is
counted once, and when the world stands still so does the operator.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from tests.unit.controller.cluster_model import ClusterModel, Killed, minutes, operator_of

from socratasync.api.status_words import Phase, Result
from socratasync.controller.observed.labels import ONLY
from socratasync.controller.observed.memory import find, written_schedule
from socratasync.controller.observed.resource import fingerprint, read_resource
from socratasync.controller.observed.verdict import whole_runs
from socratasync.times import instant_or_none

SPEC: dict[str, Any] = {
    "domain": "data.lacity.org",
    "datasets": [{"id": "rq3b-xjk8"}],
    "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
}
START = datetime(2026, 10, 31, 12, tzinfo=UTC)
SCHEDULES = st.sampled_from(["0 7 * * *", "30 1 * * *", "*/30 * * * *", "15 2 * * 1", None])
ZONES = st.sampled_from(["Etc/UTC", "America/Los_Angeles"])
TOKENS = st.sampled_from(["a", "b", "c"])
WORDS = st.sampled_from(["dataset=rq3b-xjk8", "since=2026-01-01", "year=1900", "yaer=1"])
"""Of requests that are carried out, and of others."""


class World(RuleBasedStateMachine):
    """One SocrataSync, its operator (killed and started at will), its user, and Kubernetes."""

    @initialize(schedule=SCHEDULES, zone=ZONES, suspend=st.booleans())
    def a_sync_is_applied(self, schedule: str | None, zone: str, suspend: bool) -> None:
        spec = {**SPEC, "timeZone": zone, "suspend": suspend}
        self.cluster = ClusterModel(START, {**spec, "schedule": schedule} if schedule else spec)
        self.suspensions: list[list[datetime]] = []
        self.counts_from = START
        """Slots before are not owed: the operator had not yet seen an edit, a resume, a deadline."""
        self.operator_starts()

    # the operator

    @rule()
    def operator_starts(self) -> None:
        """A new process: nothing in memory."""
        self.reconciler = operator_of(self.cluster)

    @rule(calls=st.integers(min_value=0, max_value=9))
    def operator_is_killed_within_a_look(self, calls: int) -> None:
        self.cluster.calls_left = calls
        try:
            self._look()
        except Killed:
            self.operator_starts()
        finally:
            self.cluster.calls_left = None

    @rule()
    def all_comes_to_rest(self) -> None:
        """Most of a sync's life: runs end well and nothing is due."""
        self._settle()

    @rule()
    def operator_looks(self) -> None:
        self._look()

    def _look_while_it_asks_for_more(self) -> None:
        """As the scheduler does: again at once while the last look wants that."""
        for _ in range(10):
            again = self._look()
            if again is None or again > self.cluster.now:
                return
        raise AssertionError("it looks for ever")

    def _look(self) -> datetime | None:
        """A look that finds another schedule must not go by slots that passed before it."""
        seen, made = read_resource(self.cluster.body), len(self.cluster.created)
        edited = seen.spec is not None and seen.status.observed_schedule not in (
            None,
            written_schedule(seen),
        )
        try:
            again: datetime | None = _finish(self.reconciler.reconcile(self.cluster.key))
        finally:
            if edited:
                assert not self._slots(self.cluster.created[made:])
        if edited and not self.cluster.active_jobs():
            self.edited = (len(self.cluster.created), self.cluster.now)
        self._note_suspension()
        if self._unseen_change:
            self.counts_from = self.cluster.now
            self._unseen_change = False
        return again

    _unseen_change = False
    edited: tuple[int, datetime] = (0, START)
    """How many Jobs there were when the operator last saw another schedule, and when that was."""

    def _note_suspension(self) -> None:
        """One in a spec that cannot be read is not seen."""
        spec = read_resource(self.cluster.body).spec
        if spec and spec.suspend and not self._is_open():
            self.suspensions.append([self.cluster.now])

    def _is_open(self) -> bool:
        return bool(self.suspensions) and len(self.suspensions[-1]) == 1

    # time

    @rule(minute=st.sampled_from([1, 7, 29, 30, 31, 60, 600, 1439, 1440, 3000]))
    def time_passes(self, minute: int) -> None:
        self.cluster.now += minutes(minute)

    # the user

    @rule(suspend=st.booleans())
    def user_suspends_or_resumes(self, suspend: bool) -> None:
        if not suspend and self._is_open():
            self.suspensions[-1].append(self.cluster.now)
        self.cluster.edit(suspend=suspend)
        self._unseen_change = True

    @rule(schedule=SCHEDULES, zone=ZONES)
    def user_reschedules(self, schedule: str | None, zone: str) -> None:
        self.cluster.edit(schedule=schedule, timeZone=zone)
        self._unseen_change = True

    @rule(deadline=st.sampled_from([None, 60, 7200]), jitter=st.sampled_from([0, 900]))
    def user_sets_deadline_and_jitter(self, deadline: int | None, jitter: int) -> None:
        self.cluster.edit(startingDeadlineSeconds=deadline, jitterSeconds=jitter)
        self._unseen_change = True

    @rule(table=st.sampled_from(["requests", "others"]))
    def user_changes_what_is_loaded(self, table: str) -> None:
        self.cluster.edit(target={**SPEC["target"], "table": table})

    @rule(limit=st.integers(min_value=0, max_value=2))
    def user_changes_history_limits(self, limit: int) -> None:
        self.cluster.edit(successfulRunsHistoryLimit=limit, failedRunsHistoryLimit=limit)

    @rule(broken=st.booleans())
    def user_breaks_or_repairs_the_spec(self, broken: bool) -> None:
        self.cluster.edit(domain="not a domain" if broken else SPEC["domain"])
        self._unseen_change = True

    @precondition(lambda self: self._may_run() and self._is_in_trouble())
    @rule(annotate=st.booleans(), number=st.integers(min_value=3, max_value=16))
    def user_does_what_the_messages_say(self, annotate: bool, number: int) -> None:
        """Edits a field, or sets the annotation, after a run that failed or beside one that does not start."""
        self._look()
        if not (self._may_run() and self._is_in_trouble()):
            return
        made, version = len(self.cluster.created), self.cluster.body["metadata"]["resourceVersion"]
        if annotate:
            self.cluster.annotate("requestedAt", f"mended at {version}")
        else:
            spec = self.cluster.body["spec"]
            self.cluster.edit(
                parallelism=number + 1 if number == spec.get("parallelism") else number
            )
        self._settle()
        assert len(self.cluster.created) > made, "the advice was followed, and nothing was started"

    def _may_run(self) -> bool:
        resource = read_resource(self.cluster.body)
        return resource.spec is not None and not resource.spec.suspend

    def _is_in_trouble(self) -> bool:
        """Whether the last run failed, or the active one's worker is not at work, and nobody stops it."""
        status = read_resource(self.cluster.body).status
        active = self.cluster.active_jobs()
        if active:
            asked = self.cluster.body["metadata"]["annotations"].get("socratasync.dev/cancelAt")
            idle = not self.cluster.is_at_work(active[0]["metadata"]["name"])
            return idle and status.last_handled_cancel_at == asked
        return status.last_run is not None and status.last_run.result is Result.FAILED

    @rule(name=st.sampled_from(["requestedAt", "full", "cancelAt"]), token=TOKENS)
    def user_annotates(self, name: str, token: str) -> None:
        self.cluster.annotate(name, token)

    @rule(token=TOKENS, words=WORDS)
    def user_asks_for_a_one_off_run(self, token: str, words: str) -> None:
        self.cluster.annotate("full", f"{token} {words}")

    # Kubernetes

    @precondition(lambda self: self.cluster.active_jobs())
    @rule(code=st.sampled_from([0, 75, 75, 78]), with_pod=st.booleans())
    def a_run_ends(self, code: int, with_pod: bool) -> None:
        job = self.cluster.active_jobs()[0]
        if "deletionTimestamp" not in job["metadata"]:
            self.cluster.end(job["metadata"]["name"], ok=code == 0, code=code, with_pod=with_pod)

    @precondition(lambda self: self.cluster.active_jobs())
    @rule(at_work=st.booleans())
    def a_pod_starts_or_does_not(self, at_work: bool) -> None:
        name = self.cluster.active_jobs()[0]["metadata"]["name"]
        if not self.cluster.is_at_work(name):
            self.cluster.pod(name, at_work=at_work)

    @precondition(lambda self: self._knows_of_its_job())
    @rule()
    def a_job_is_gone(self) -> None:
        """Somebody deletes it, or its pods have stopped after a cancel. While no status names it, nobody
        could tell afterwards that it ever was."""
        self.cluster.remove(self.cluster.active_jobs()[0]["metadata"]["name"])

    def _knows_of_its_job(self) -> bool:
        active = self.cluster.body["status"].get("activeRun", {}).get("uid")
        return active in [job["metadata"]["uid"] for job in self.cluster.active_jobs()]

    # what must hold at any moment

    @invariant()
    def never_two_active_jobs(self) -> None:
        assert len(self.cluster.active_jobs()) <= 1

    @invariant()
    def no_slot_is_run_twice(self) -> None:
        slots = self._slots()
        assert len(slots) == len(set(slots))

    @invariant()
    def no_slot_is_run_early_or_from_a_suspension(self) -> None:
        for slot in self._slots():
            assert slot <= self.cluster.now
            for suspension in self.suspensions:
                end = suspension[1] if len(suspension) == 2 else self.cluster.now
                assert not suspension[0] < slot <= end

    @invariant()
    def an_edited_schedule_counts_from_its_edit(self) -> None:
        made, since = self.edited
        assert all(slot > since for slot in self._slots(self.cluster.created[made:]))

    @invariant()
    def each_result_is_counted_once(self) -> None:
        assert len(self.cluster.recorded) == len(set(self.cluster.recorded))

    @invariant()
    def ready_is_true_only_of_what_was_loaded(self) -> None:
        """As `kubectl wait` reads it, by the generation that the condition is about."""
        resource = read_resource(self.cluster.body)
        ready = find(resource.status, "Ready")
        if ready is None or ready.observed_generation != resource.generation:
            return
        if ready.status == "True":
            assert resource.spec is not None
            assert fingerprint(resource.spec) in self.cluster.loaded

    @invariant()
    def it_is_on_its_way_or_stalled_and_never_both(self) -> None:
        status = read_resource(self.cluster.body).status
        assert not (find(status, "Reconciling") and find(status, "Stalled"))

    @invariant()
    def a_worker_at_work_is_interrupted_on_demand_only(self) -> None:
        assert self.cluster.interrupted == []

    @invariant()
    def a_run_is_retried_no_more_often_than_its_spec_says(self) -> None:
        retries = [
            int(job["metadata"]["annotations"].get("socratasync.dev/retry", 0))
            for job in self.cluster.created
            if ONLY not in job["metadata"]["annotations"]
        ]
        assert all(number <= 10 for number in retries)
        assert all(b in (0, 1, a + 1) for a, b in pairwise(retries))

    @invariant()
    def the_status_stays_small(self) -> None:
        assert len(self.cluster.body["status"].get("history", [])) <= 10

    # what must hold when the world stands still

    def teardown(self) -> None:
        if not hasattr(self, "cluster"):
            return
        self.operator_starts()
        self._settle()
        self._expect_all_answered()
        writes, jobs = self.cluster.writes, len(self.cluster.created)
        self._look()
        self._look()
        assert (self.cluster.writes, len(self.cluster.created)) == (writes, jobs), (
            "it does not rest"
        )

    def _settle(self) -> None:
        """Until the operator has nothing to do; runs succeed, cancelled ones stop."""
        for _ in range(40):
            writes = self.cluster.writes
            self._look_while_it_asks_for_more()
            active = self.cluster.active_jobs()
            for job in active:
                name = job["metadata"]["name"]
                if "deletionTimestamp" in job["metadata"]:
                    self.cluster.remove(name)
                else:
                    self.cluster.end(name, ok=True)
            if not active and self.cluster.writes == writes:
                return
        raise AssertionError("the operator does not come to rest")

    def _expect_all_answered(self) -> None:
        resource = read_resource(self.cluster.body)
        status, spec = resource.status, resource.spec
        assert status.active_run is None
        assert {job["metadata"]["uid"] for job in self.cluster.jobs.values()} <= set(
            self.cluster.recorded
        )
        if spec is None:
            assert status.phase is Phase.INVALID
            return
        assert status.last_handled_cancel_at == resource.asked.cancel
        assert status.last_handled_reconcile_at == resource.asked.run
        assert status.last_handled_full_at == resource.asked.full_token
        if spec.suspend:
            assert status.phase is Phase.SUSPENDED
            assert find(status, "Reconciling") is None, "nothing is on its way"
            return
        last = [status.last_run] if status.last_run else []
        results = {run.result for run in [*last, *whole_runs(status)]}
        # Cancelled runs say nothing of the data: with none but such, it is as before the first.
        judged = (Phase.SYNCED, Phase.FAILED)
        assert status.phase in ((Phase.PENDING,) if results == {Result.CANCELLED} else judged)
        if status.phase is Phase.SYNCED:
            ready = find(status, "Ready")
            assert ready is not None
            assert ready.status == "True"
            assert find(status, "Reconciling") is None
        if resource.schedule and spec.starting_deadline_seconds is None:
            self._expect_newest_slot_run()

    def _expect_newest_slot_run(self) -> None:
        resource = read_resource(self.cluster.body)
        assert resource.schedule is not None
        slot = resource.schedule.after(self.counts_from)
        newest = None
        while slot is not None and resource.due(slot) <= self.cluster.now:
            newest, slot = slot, resource.schedule.after(slot)
        assert newest is None or newest in self._slots(), f"{newest} is lost"

    def _slots(self, jobs: list[Any] | None = None) -> list[datetime]:
        found = [
            instant_or_none(job["metadata"]["annotations"].get("socratasync.dev/scheduled-at"))
            for job in (self.cluster.created if jobs is None else jobs)
        ]
        return [slot for slot in found if slot]


def _finish(coroutine: Any) -> Any:
    """Run a coroutine that never waits for anything."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("the model never makes anybody wait")


World.TestCase.settings = settings(stateful_step_count=40)
TestAnySequence = World.TestCase
