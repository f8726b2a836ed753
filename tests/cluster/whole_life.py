"""A sync's life in which the operator makes every kind of call that it ever makes."""

from __future__ import annotations

import json

from tests.cluster.processes import wait_until
from tests.cluster.syncs import Sync
from tests.cluster.wiretap import Call, Wiretap


def live(sync: Sync, tap: Wiretap) -> None:
    """A run whose Job another operator made a moment before, that logged, succeeded and is cleared away; returns
    when it is."""
    made: list[str] = []

    def be_faster(call: Call) -> None:
        if call.method == "POST" and call.path.endswith("/jobs") and not made:
            job = json.loads(call.body)
            made.append(job["metadata"]["name"])
            sync.api.create(job, namespace=sync.namespace)

    tap.before = be_faster
    sync.apply(successfulRunsHistoryLimit=0)
    job = sync.started()
    pod = sync.kubelet.run(job, namespace=sync.namespace)
    sync.kubelet.log(pod, "a line\n", namespace=sync.namespace)
    wait_until(
        lambda: any(call.path.endswith(f"/{pod}/log") for call in tap.calls),
        timeout_s=40,
        what="a look at the log",
    )
    sync.kubelet.succeeded(pod, namespace=sync.namespace)
    sync.ended(job)
    wait_until(lambda: not sync.jobs(), timeout_s=40, what="the Job to go")
    assert made == [job]
