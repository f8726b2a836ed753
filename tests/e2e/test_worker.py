"""The image runs the worker under the strictest Pod Security, and its report comes back by itself."""

from __future__ import annotations

import json

import psycopg
import pytest
from tests.e2e.cluster import Cluster, Object
from tests.e2e.syncs import DATASET, Sync

from socrata_simulator.portal.portal import Portal

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}


def job(cluster: Cluster, *arguments: str, env: list[Object], volumes: Object) -> Object:
    """A Job that runs the image as the operator would have it, without an operator."""
    container = {
        "name": "worker",
        "image": cluster.image,
        "args": list(arguments),
        "env": env,
        "resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        "securityContext": RESTRICTED,
        "volumeMounts": volumes.get("volumeMounts", []),
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": volumes.get("volumes", []),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "by-hand"},
        "spec": {"backoffLimit": 0, "template": {"spec": pod}},
    }


def variables(**values: str) -> list[Object]:
    return [{"name": name, "value": value} for name, value in values.items()]


@pytest.fixture
def worker_job(cluster: Cluster, sync: Sync, dsn: str) -> Object:
    overlay = sync.spec["job"]["podTemplate"]
    spec = {name: value for name, value in sync.spec.items() if name != "job"}
    env = variables(
        SOCRATASYNC_NAME=sync.name,
        SOCRATASYNC_NAMESPACE=sync.namespace,
        SOCRATASYNC_RUN="by-hand",
        SOCRATASYNC_MODE="full",
        SOCRATASYNC_SPEC=json.dumps(spec),
        SOCRATASYNC_DSN=dsn,
    )
    return job(cluster, "worker", env=[*env, *overlay["env"]], volumes=overlay)


def ended(cluster: Cluster, namespace: str) -> Object:
    """How the pod's container ended."""
    done = cluster.wait_for(
        "job", "by-hand", lambda j: j["status"].get("conditions"), namespace=namespace
    )
    assert done["status"]["conditions"]
    (pod,) = cluster.list("pods", namespace=namespace, selector="job-name=by-hand")
    state: Object = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    return state


def test_a_worker_loads_the_table_and_its_report_is_the_termination_message(
    cluster: Cluster,
    sync: Sync,
    portal: Portal,
    worker_job: Object,
    connection: psycopg.Connection[tuple[object, ...]],
) -> None:
    portal.add_synthetic(DATASET, rows=5000, seed=1)
    cluster.apply(worker_job, namespace=sync.namespace)

    state = ended(cluster, sync.namespace)

    assert (state["exitCode"], state["reason"]) == (0, "Completed"), state
    report = json.loads(state["message"])
    assert report["ok"] is True
    assert report["rows"]["inserted"] == 5000
    assert connection.execute("SELECT count(*) FROM requests").fetchone() == (5000,)
    # Nothing orders what the node copies from two pipes: the log's last line may come after the report.
    lines = cluster.kubectl(
        "logs", "job/by-hand", "--namespace", sync.namespace, "--tail=2"
    ).splitlines()
    assert report in [json.loads(line) for line in lines]


def test_a_worker_that_may_not_log_in_says_so_by_its_exit_code(
    cluster: Cluster, sync: Sync, portal: Portal, worker_job: Object, dsn: str
) -> None:
    portal.add_synthetic(DATASET, rows=10, seed=1)
    container = worker_job["spec"]["template"]["spec"]["containers"][0]
    wrong = dsn.replace("app:", "app:x")
    container["env"] = [
        {**item, "value": wrong} if item["name"] == "SOCRATASYNC_DSN" else item
        for item in container["env"]
    ]
    cluster.apply(worker_job, namespace=sync.namespace)

    state = ended(cluster, sync.namespace)

    assert state["exitCode"] == 77, state
    report = json.loads(state["message"])
    assert report["error"]["reason"] == "PermissionDenied"
    assert wrong not in state["message"]


def test_the_image_holds_no_build_tools_and_runs_as_nobody_in_particular(
    cluster: Cluster, namespace: str
) -> None:
    look = (
        "import os, shutil, sys, zoneinfo, importlib.util as u\n"
        "print(os.getuid(), [p for p in ('pip', 'cc', 'gcc', 'make') if shutil.which(p)],"
        " u.find_spec('pip'), zoneinfo.ZoneInfo('America/Los_Angeles'), sys.dont_write_bytecode)"
    )
    made = job(cluster, "-c", look, env=[], volumes={})
    made["spec"]["template"]["spec"]["containers"][0]["command"] = ["python"]
    cluster.apply(made, namespace=namespace)
    state = ended(cluster, namespace)

    said = cluster.kubectl("logs", "job/by-hand", "--namespace", namespace)
    assert said.strip() == "65532 [] None America/Los_Angeles True", said
    assert state["exitCode"] == 0
