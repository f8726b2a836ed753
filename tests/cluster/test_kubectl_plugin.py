"""``kubectl socratasync`` against a real API server, as an administrator and as who may do less."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.cluster import programs
from tests.cluster.api import Api
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.processes import wait_until
from tests.cluster.test_kubelet import restricted_job

ROOT = Path(__file__).parents[2]
NAME = "la-311"
PLUGIN = "from socratasync.cli.kubectl.main import main; main()"
SPEC = {
    "domain": "data.example.org",
    "datasets": [{"id": "abcd-1234", "year": 2020}],
    "schedule": "0 7 * * *",
    "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
}

Finished = subprocess.CompletedProcess[str]


class Plugin:
    """The plugin, by somebody's kubeconfig, in one namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.namespace = namespace
        self.environ = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(ROOT / "operator"),
            "NO_PROXY": "*",
        }

    def __call__(self, *arguments: str, within: bool = True) -> Finished:
        """Run it to its end; ``within`` its namespace."""
        return subprocess.run(
            [sys.executable, "-c", PLUGIN, *arguments, *(self._where() if within else ())],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", PLUGIN, *arguments, *self._where()],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _where(self) -> tuple[str, ...]:
        return ("-n", self.namespace)


@pytest.fixture
def plugin(control_plane: ControlPlane, namespace: str) -> Plugin:
    """As an administrator."""
    return Plugin(control_plane.kubeconfig, namespace)


@pytest.fixture
def sync(api: Api, namespace: str) -> str:
    """A SocrataSync that no operator looks after: what it should say, the test writes itself."""
    api.create(
        {
            "apiVersion": "socratasync.dev/v1alpha1",
            "kind": "SocrataSync",
            "metadata": {"name": NAME},
            "spec": SPEC,
        },
        namespace=namespace,
    )
    return NAME


def say(api: Api, namespace: str, **status: Any) -> None:
    """What the operator would write."""
    api.patch("SocrataSync", NAME, {"status": status}, namespace=namespace, part="status")


def asked(api: Api, namespace: str, annotation: str) -> str | None:
    """What a person asked for."""
    found = api.get("SocrataSync", NAME, namespace=namespace)
    value: str | None = (found["metadata"].get("annotations") or {}).get(annotation)
    return value


def test_a_status_is_told_in_words_and_as_json(
    plugin: Plugin, api: Api, namespace: str, sync: str
) -> None:
    say(api, namespace, phase="Synced", rows={"target": 1_500_000})

    everything = plugin("status").stdout
    assert "Synced" in everything
    assert "1,500,000" in everything
    assert (
        f"{namespace}/{sync}: data.example.org → public.requests" in plugin("status", sync).stdout
    )
    assert json.loads(plugin("status", sync, "-o", "json").stdout)["status"]["phase"] == "Synced"
    assert namespace in plugin("status", "-A", within=False).stdout


def test_a_namespace_without_any_is_told_so(plugin: Plugin) -> None:
    assert "There are no SocrataSyncs in namespace" in plugin("status").stderr


def test_the_history_is_told(plugin: Plugin, api: Api, namespace: str, sync: str) -> None:
    assert "No run of la-311 has ended yet" in plugin("history", sync).stderr
    say(api, namespace, history=[{"job": "la-311-1", "result": "NoChange", "mode": "update"}])

    assert "NoChange" in plugin("history", sync).stdout
    assert json.loads(plugin("history", sync, "-o", "json").stdout)[0]["job"] == "la-311-1"


@pytest.mark.parametrize(
    ("command", "annotation"),
    [
        pytest.param("trigger", "socratasync.dev/requestedAt", id="trigger asks for a run"),
        pytest.param("full", "socratasync.dev/full", id="full asks for a full run"),
    ],
)
def test_a_run_is_asked_for_by_annotation(
    plugin: Plugin, api: Api, namespace: str, sync: str, command: str, annotation: str
) -> None:
    ran = plugin(command, sync)

    value = asked(api, namespace, annotation)
    assert ran.returncode == 0, ran.stderr
    assert value is not None
    assert abs((datetime.now(UTC) - datetime.fromisoformat(value)).total_seconds()) < 60


def test_a_one_off_run_is_asked_for_by_the_same_annotation(
    plugin: Plugin, api: Api, namespace: str, sync: str
) -> None:
    ran = plugin("full", sync, "--year", "2020", "--until", "2024-02-01", "--since", "2024-01-01")

    assert ran.returncode == 0, ran.stderr
    value = asked(api, namespace, "socratasync.dev/full") or ""
    words = "year=2020 since=2024-01-01T00:00:00Z until=2024-02-01T00:00:00Z"
    token, _, rest = value.partition(" ")
    assert rest == words
    assert abs((datetime.now(UTC) - datetime.fromisoformat(token)).total_seconds()) < 60
    assert f"asked for a one-off run, only {words}" in ran.stdout


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param(["--year", "2021"], "no dataset is of the year 2021", id="of the manifest"),
        pytest.param(["--until", "soon"], "until must be a date or time", id="of the command line"),
    ],
)
def test_what_the_operator_would_refuse_is_not_asked_for(
    plugin: Plugin, api: Api, namespace: str, sync: str, options: list[str], why: str
) -> None:
    ran = plugin("full", sync, *options)

    assert ran.returncode == 1
    assert why in ran.stderr
    assert asked(api, namespace, "socratasync.dev/full") is None


@pytest.mark.parametrize(
    ("ended", "code", "said"),
    [
        pytest.param({"uid": "2", "result": "Succeeded"}, 0, "Succeeded", id="a good one"),
        pytest.param({"uid": "2", "result": "Failed"}, 1, "Failed", id="a bad one"),
        pytest.param({"uid": "1", "result": "Succeeded"}, 1, "RunRefused", id="none"),
    ],
)
def test_a_one_off_run_is_waited_for(
    plugin: Plugin,
    api: Api,
    namespace: str,
    sync: str,
    ended: dict[str, Any],
    code: int,
    said: str,
) -> None:
    say(api, namespace, lastOneOff={"uid": "1", "result": "Failed"})
    waiting = plugin.start("full", sync, "--reset", "--wait")
    value = wait_until(
        lambda: asked(api, namespace, "socratasync.dev/full"), timeout_s=30, what="a request"
    )
    last = {"uid": "0", "result": "Failed" if code == 0 else "Succeeded"}
    say(api, namespace, lastHandledFullAt=value, lastRun=last, lastOneOff=ended)

    stdout, stderr = waiting.communicate(timeout=30)

    assert waiting.returncode == code
    assert said in stdout + stderr


def test_each_request_is_a_new_one(plugin: Plugin, api: Api, namespace: str, sync: str) -> None:
    values = set()
    for _ in range(2):
        plugin("trigger", sync)
        values.add(asked(api, namespace, "socratasync.dev/requestedAt"))

    assert len(values) == 2


@pytest.mark.parametrize(
    ("result", "code"),
    [
        pytest.param("Succeeded", 0, id="a good run"),
        pytest.param("NoChange", 0, id="a run that found nothing"),
        pytest.param("Failed", 1, id="a bad run"),
    ],
)
def test_a_run_that_was_asked_for_is_waited_for(
    plugin: Plugin, api: Api, namespace: str, sync: str, result: str, code: int
) -> None:
    waiting = plugin.start("trigger", sync, "--wait")
    value = wait_until(
        lambda: asked(api, namespace, "socratasync.dev/requestedAt"), timeout_s=30, what="a request"
    )
    active = {"job": "la-311-7", "mode": "update"}
    say(api, namespace, lastHandledReconcileAt=value, activeRun=active)
    assert waiting.stdout is not None
    wait_until(lambda: "job la-311-7" in waiting.stdout.readline(), timeout_s=30, what="progress")  # type: ignore[union-attr]  # it was piped
    say(api, namespace, activeRun=None, lastRun={"job": "la-311-7", "result": result})

    stdout, _ = waiting.communicate(timeout=30)

    assert waiting.returncode == code
    assert f"la-311: {result}" in stdout


def test_waiting_has_an_end(plugin: Plugin, sync: str) -> None:
    ran = plugin("full", sync, "--wait", "--timeout", "1")

    assert ran.returncode == 1
    assert "did not end within 1 s" in ran.stderr


def test_only_an_active_run_is_cancelled(
    plugin: Plugin, api: Api, namespace: str, sync: str
) -> None:
    nothing = plugin("cancel", sync)
    assert nothing.returncode == 1
    assert "no run of la-311 is active" in nothing.stderr
    say(api, namespace, activeRun={"job": "la-311-7"})

    assert plugin("cancel", sync).returncode == 0
    assert asked(api, namespace, "socratasync.dev/cancelAt")


def test_a_sync_is_suspended_and_resumed(
    plugin: Plugin, api: Api, namespace: str, sync: str
) -> None:
    plugin("suspend", sync)
    assert api.get("SocrataSync", sync, namespace=namespace)["spec"]["suspend"] is True
    refused = plugin("trigger", sync)
    assert (refused.returncode, "is suspended" in refused.stderr) == (1, True)

    plugin("resume", sync)
    assert api.get("SocrataSync", sync, namespace=namespace)["spec"]["suspend"] is False


def test_the_log_of_the_runs_pod_is_shown(
    plugin: Plugin, api: Api, namespace: str, sync: str, kubelet: Kubelet
) -> None:
    api.create(restricted_job("la-311-7"), namespace=namespace)
    pod = kubelet.run("la-311-7", namespace=namespace)
    line = '{"ts":"2024-05-01T07:00:02.1+00:00","level":"info","msg":"download"}'
    kubelet.log(pod, f'{line}\n{{"v":1}}', namespace=namespace)
    assert "has not run yet" in plugin("logs", sync).stderr
    say(api, namespace, activeRun={"job": "la-311-7"})

    assert plugin("logs", sync).stdout == '07:00:02 INFO    download\n{"v":1}\n'
    assert plugin("logs", sync, "-f", "--raw").stdout == f'{line}\n{{"v":1}}\n'
    assert plugin("logs", sync, "--tail", "1").stdout == '{"v":1}\n'


def test_a_pod_that_is_gone_is_told_so(plugin: Plugin, api: Api, namespace: str, sync: str) -> None:
    say(api, namespace, lastRun={"job": "la-311-1", "result": "Succeeded"})

    assert "the pod of run la-311-1 is gone" in " ".join(plugin("logs", sync).stderr.split())


@pytest.mark.parametrize("command", ["status", "history", "trigger", "cancel", "suspend", "logs"])
def test_what_is_not_there_is_told_in_a_sentence(plugin: Plugin, command: str) -> None:
    ran = plugin(command, "none-such")

    assert ran.returncode == 1
    assert "there is no none-such in namespace" in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.fixture
def stranger(control_plane: ControlPlane, namespace: str) -> Plugin:
    """As somebody without any rights."""
    return Plugin(control_plane.kubeconfig_for("default", namespace=namespace), namespace)


def test_who_may_not_is_told_so(stranger: Plugin, sync: str) -> None:
    ran = stranger("status", sync)

    assert ran.returncode == 1
    assert "you may not do that" in ran.stderr


def test_the_contexts_own_namespace_is_meant_unless_another_is_named(
    stranger: Plugin, namespace: str
) -> None:
    ran = stranger("status", within=False)

    assert namespace in " ".join(ran.stderr.split())


@pytest.fixture
def elsewhere(tmp_path: Path) -> Plugin:
    """By a kubeconfig that leads nowhere."""
    file = tmp_path / "kubeconfig"
    cluster = {"server": "https://127.0.0.1:1"}
    file.write_text(
        json.dumps(
            {
                "current-context": "here",
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                "clusters": [{"name": "here", "cluster": cluster}],
                "users": [{"name": "me", "user": {"token": "the-Token"}}],
            }
        )
    )
    return Plugin(file, "data")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "https://127.0.0.1:1 does not answer", id="an API server that is away"),
        pytest.param(["--context", "gone"], "the kubeconfig cannot be used", id="no such context"),
        pytest.param(["--kubeconfig", "/none"], "the kubeconfig cannot be used", id="no such file"),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_told_in_a_sentence(
    elsewhere: Plugin, arguments: list[str], said: str
) -> None:
    ran = elsewhere("status", *arguments)

    assert ran.returncode == 1
    assert said in " ".join(ran.stderr.split())
    assert "the-Token" not in ran.stderr
    assert "Traceback" not in ran.stderr


def test_kubectl_finds_the_plugin(plugin: Plugin, sync: str, tmp_path: Path) -> None:
    script = tmp_path / "kubectl-socratasync"
    script.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{PLUGIN}' \"$@\"\n")
    script.chmod(0o755)
    ran = subprocess.run(
        [programs.find("api")["kubectl"], "socratasync", "status", "-n", plugin.namespace],
        env={**plugin.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert sync in ran.stdout, ran.stderr
