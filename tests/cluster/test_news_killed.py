"""The operator is killed before each write by which a run's end is recorded and told: it is told once all the same.

Dead before a write, the operator has left behind what the write before it did, heard of or not. So these are all the
states that a kill between any two calls can leave, but for those of a run's start, at which ``test_operator_killed``
looks. Each of the syncs has its own kill, and all go through those of the others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.cluster.api import Api
from tests.cluster.causes import CAUSES, Story, env_of
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import Sync
from tests.cluster.wiretap import Call, Wiretap

REFUSED = next(cause for cause in CAUSES if "403" in cause.name)
WRITES = (
    "event SyncFailed",
    "it owes the failure",
    "message of the failure",
    "it owes nothing, and remembers",
    "event SyncSucceeded",
    "it owes the recovery",
    "message of the recovery",
    "it owes nothing",
)


def said(call: Call) -> str:
    """Which of these writes it is; empty for any other."""
    what = f"{call.method} {call.path.split('/')[-1]}"
    body = json.loads(call.body) if call.writes and call.body else {}
    if what == "POST events":
        return f"event {body['reason']}"
    if what == "POST jobs" and "socratasync.dev/notification" in body["metadata"]["labels"]:
        news = json.loads(env_of(body)["SOCRATASYNC_NEWS"])
        return f"message of the {'recovery' if news['over'] else 'failure'}"
    if what != "PATCH status" or "news" not in body["status"]:
        return ""
    news = body["status"]["news"] or {}
    if owed := news.get("owed"):
        return f"it owes the {'recovery' if owed['over'] else 'failure'}"
    return "it owes nothing, and remembers" if news else "it owes nothing"


class Killer:
    """Kills the operator once for each sync: before the write that its name is given."""

    def __init__(self, operator: RunningOperator, writes: Mapping[str, str]) -> None:
        self._operator = operator
        self._left = dict(writes)

    @property
    def left(self) -> Mapping[str, str]:
        """The syncs whose write has not come."""
        return self._left

    def __call__(self, call: Call) -> None:
        write, whole = said(call), f"{call.path} {call.body.decode()}"
        for name, wanted in self._left.items():
            if write == wanted and name in whole:
                del self._left[name]
                self._operator.kill()
                raise ConnectionAbortedError("the operator is dead")


def test_killed_before_any_write_it_tells_as_if_never_killed(
    control_plane: ControlPlane, namespace: str, api: Api, kubelet: Kubelet, tmp_path: Path
) -> None:
    allow_in_namespace(control_plane, namespace)
    writes = {f"sync-{number}": write for number, write in enumerate(WRITES)}
    stories = [Story(REFUSED, Sync(api, kubelet, namespace, name=name)) for name in writes]
    many = ["--max-active-runs=100", "--max-active-runs-per-domain=100"]
    with Wiretap(control_plane) as tap:
        kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace, url=tap.url)
        log = tmp_path / "operator.log"
        with RunningOperator(kubeconfig, log, [namespace], many) as operator:
            killer = Killer(operator, writes)
            tap.before = killer
            for story in stories:
                story.apply()

            def all_over() -> bool:
                for story in stories:
                    if not operator.is_running:
                        operator.start()
                    story.step()
                return all(story.is_over for story in stories)

            wait_until(all_over, timeout_s=200, what=f"all to be told: {operator.words()}")

    for story in stories:
        told = [
            [{each["occasion"] for each in message[part]} for part in ("begun", "over")]
            for message in story.messages()
        ]
        assert told == [[{"Failure"}, set()], [set(), {"Failure"}]], story.sync.name
    assert killer.left == {}
