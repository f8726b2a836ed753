"""Whatever happens, in whatever order, and wherever the operator is killed: each trouble is told once, only what was
told is told to be over, and what a retry heals is told to nobody.

The oracle knows the messages and what the status says of the sync, and nothing of how news is decided.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
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

from socratasync.controller.cluster.errors import Refused

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TROUBLES = ["Failure", "Stale", "SchemaChanged", "RowCountMismatch", "Invalid"]
SPEC: dict[str, Any] = {
    "domain": "data.lacity.org",
    "datasets": [{"id": "rq3b-xjk8"}],
    "schedule": "0 */6 * * *",
    "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
    "freshness": {"maxLag": "13h"},
    "retry": {"limit": 2, "interval": "10m"},
    "notify": [{"webhook": {"secretRef": {"name": "desk"}}, "on": ["Recovery", *TROUBLES]}],
}
Message = dict[str, Any]


class Desk(RuleBasedStateMachine):
    """Somebody who gets the messages of one SocrataSync, and what happens to that."""

    @initialize()
    def a_sync_is_applied(self) -> None:
        self.cluster = ClusterModel(START, SPEC)
        self.reconciler = operator_of(self.cluster)
        self.first_failure: int | None = None
        """How many failures had been told before a run failed that is to be retried; None if another cause came since."""
        self._look()

    # the operator

    @rule()
    def operator_starts(self) -> None:
        self.reconciler = operator_of(self.cluster)

    @rule(calls=st.integers(min_value=0, max_value=12))
    def operator_is_killed_within_a_look(self, calls: int) -> None:
        self.cluster.calls_left = calls
        try:
            self._look()
        except Killed:
            self.operator_starts()
        finally:
            self.cluster.calls_left = None

    @rule()
    def operator_looks(self) -> None:
        self._look()

    @rule(minute=st.sampled_from([1, 5, 10, 11, 60, 361, 800]))
    def time_passes(self, minute: int) -> None:
        self.cluster.now += minutes(minute)

    # Kubernetes

    @precondition(lambda self: self.cluster.active_jobs())
    @rule(
        code=st.sampled_from([0, 0, 75, 75, 78]),
        with_pod=st.sampled_from([True, True, True, False]),
        verified=st.booleans(),
        in_sync=st.booleans(),
    )
    def a_run_ends(self, code: int, with_pod: bool, verified: bool, in_sync: bool) -> None:
        told = {"verified": verified, "schemaInSync": in_sync} if code == 0 else {}
        job = self.cluster.active_jobs()[0]["metadata"]["name"]
        told_before = None if self._owes() else self._begun("Failure")
        self.cluster.end(
            job,
            ok=code == 0,
            code=code,
            with_pod=with_pod,
            datasets=[{"id": "rq3b-xjk8", **told}],
        )
        self._look()
        status = self.cluster.body["status"]
        if code == 0 and with_pod and self.first_failure is not None:
            assert self._begun("Failure") == self.first_failure, "a retry healed it"
        retried = status.get("consecutiveFailures") == 1 and "nextRetryTime" in status
        self.first_failure = told_before if retried else None

    @precondition(lambda self: self.first_failure is not None)
    @rule()
    def what_is_to_be_retried_is(self) -> None:
        """And goes well, if it was not yet."""
        self.cluster.now += minutes(10)
        self._look()
        if self.cluster.active_jobs():
            self.a_run_ends(code=0, with_pod=True, verified=True, in_sync=True)

    @precondition(lambda self: self.cluster.active_jobs())
    @rule(at_work=st.booleans())
    def a_pod_starts_or_does_not(self, at_work: bool) -> None:
        name = self.cluster.active_jobs()[0]["metadata"]["name"]
        if not self.cluster.is_at_work(name):
            self.cluster.pod(name, at_work=at_work)
            self.first_failure = self.first_failure if at_work else None

    @rule(runs=st.booleans(), notifications=st.booleans())
    def a_quota_comes_or_goes(self, runs: bool, notifications: bool) -> None:
        self.cluster.refuses_jobs = "exceeded quota" if runs else ""
        self.cluster.notifications_left = 0 if notifications else None
        self.first_failure = None if runs else self.first_failure

    # the user

    @rule(suspend=st.booleans())
    def user_suspends_or_resumes(self, suspend: bool) -> None:
        self.cluster.edit(suspend=suspend)
        self.first_failure = None if suspend else self.first_failure

    @rule(broken=st.booleans())
    def user_breaks_or_repairs_the_spec(self, broken: bool) -> None:
        self.cluster.edit(timeZone="Mars/Olympus" if broken else "Etc/UTC")
        self.first_failure = None if broken else self.first_failure

    # what must hold at any moment

    @invariant()
    def each_trouble_begins_and_ends_in_turn(self) -> None:
        lasting: set[str] = set()
        for message in self._messages():
            for trouble in message["over"]:
                assert trouble["occasion"] in lasting, "a recovery of what was not told"
                lasting.remove(trouble["occasion"])
            for trouble in message["begun"]:
                assert trouble["occasion"] not in lasting, "told twice"
                lasting.add(trouble["occasion"])

    @invariant()
    def each_news_is_one_message(self) -> None:
        ids = [message["id"] for message in self._messages()]
        assert len(ids) == len(set(ids))

    # what must hold when the world stands still

    def teardown(self) -> None:
        if not hasattr(self, "cluster"):
            return
        self.cluster.refuses_jobs, self.cluster.notifications_left = "", None
        self.operator_starts()
        self.cluster.edit(suspend=False, timeZone="Etc/UTC")
        for _ in range(8):
            self._settle()
        lasting = {o for o in TROUBLES if self._begun(o) > self._over(o)}
        wrong, right = self._standing("False"), self._standing("True")
        assert not self._owes()
        assert wrong <= lasting, "nobody was told"
        assert not lasting & right, "nobody was told that it is over"

    def _settle(self) -> None:
        self.cluster.now += minutes(11)
        self._look()
        for job in self.cluster.active_jobs():
            name = job["metadata"]["name"]
            if "deletionTimestamp" in job["metadata"]:
                self.cluster.remove(name)
            else:
                self.cluster.end(name, ok=False, code=78)
        self._look()

    def _standing(self, status: str) -> set[str]:
        named = {
            "Ready": "Failure",
            "Fresh": "Stale",
            "SchemaInSync": "SchemaChanged",
            "DataVerified": "RowCountMismatch",
        }
        conditions = self.cluster.body["status"]["conditions"]
        return {
            named[c["type"]] for c in conditions if c["type"] in named and c["status"] == status
        }

    def _owes(self) -> bool:
        return "owed" in self.cluster.body["status"].get("news", {})

    def _messages(self) -> list[Message]:
        found = []
        for job in self.cluster.notifications.values():
            (container,) = job["spec"]["template"]["spec"]["containers"]
            env = {each["name"]: each.get("value") for each in container["env"]}
            found.append(json.loads(env["SOCRATASYNC_NEWS"]))
        return found

    def _begun(self, occasion: str) -> int:
        return sum(t["occasion"] == occasion for m in self._messages() for t in m["begun"])

    def _over(self, occasion: str) -> int:
        return sum(t["occasion"] == occasion for m in self._messages() for t in m["over"])

    def _look(self) -> None:
        """As the scheduler does: again at once while the last look wants that."""
        for _ in range(10):
            try:
                self.reconciler.reconcile(self.cluster.key).send(None)
            except StopIteration as end:
                if end.value is None or end.value > self.cluster.now:
                    return
            except Refused:
                return
        raise AssertionError("it looks for ever")


Desk.TestCase.settings = settings(stateful_step_count=40)
TestNewsOfAnySequence = Desk.TestCase
