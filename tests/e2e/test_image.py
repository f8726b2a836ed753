"""The built image: every console script of it starts there, as a pod under the strictest rules."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.e2e.cluster import Cluster, Object
from tests.e2e.test_worker import ended, job

from socratasync import __version__
from socratasync.api.pod import VolumeMount

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
SCRIPTS = sorted(PROJECT["scripts"])
DRIVER = """
import json, subprocess, sys
for command in json.loads(sys.argv[1]):
    done = subprocess.run(command, capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stdout + done.stderr]))
"""

Ended = tuple[int, str]


def run(cluster: Cluster, namespace: str, *commands: list[str], **pod: Object) -> list[Ended]:
    """(exit code, what it printed) of each command, one after the other in a pod of the image."""
    made = job(cluster, "-c", DRIVER, json.dumps(commands), env=[], volumes=pod)
    made["spec"]["template"]["spec"]["containers"][0]["command"] = ["python"]
    cluster.apply(made, namespace=namespace)
    assert ended(cluster, namespace)["exitCode"] == 0
    said = cluster.kubectl("logs", "job/by-hand", "--namespace", namespace)
    return [(code, " ".join(text.split())) for code, text in map(json.loads, said.splitlines())]


@pytest.fixture
def visitor(cluster: Cluster, namespace: str) -> Object:
    """Mounts a folder for temporary files, and /visitor/kubeconfig of somebody who may only log in."""
    said = cluster.kubectl("config", "view", "--raw", "--minify", "--flatten", "--output=json")
    service = cluster.get("service", "kubernetes", namespace="default")["spec"]
    (known,) = json.loads(said)["clusters"]
    token = cluster.kubectl("create", "token", "default", "--namespace", namespace).strip()
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": known["name"], "user": "visitor"}}],
        "clusters": [
            {
                **known,
                "cluster": {**known["cluster"], "server": f"https://{service['clusterIP']}:443"},
            }
        ],
        "users": [{"name": "visitor", "user": {"token": token}}],
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "visitor"},
        "stringData": {"kubeconfig": json.dumps(config)},
    }
    cluster.apply(secret, namespace=namespace)
    return {
        "volumes": [
            {"name": "visitor", "secret": {"secretName": "visitor"}},
            {"name": "tmp", "emptyDir": {}},
        ],
        "volumeMounts": [
            {"name": "visitor", "mountPath": "/visitor"},
            {"name": "tmp", "mountPath": "/tmp"},
        ],
    }


def test_every_console_script_starts_in_the_image(cluster: Cluster, namespace: str) -> None:
    commands = [[script, flag] for script in SCRIPTS for flag in ("--version", "--help")]

    for (code, said), command in zip(run(cluster, namespace, *commands), commands, strict=True):
        assert code == 0, (command, said)
        assert __version__ in said if command[1] == "--version" else said.startswith("Usage: ")


def test_no_variable_puts_code_into_the_images_programs(cluster: Cluster, namespace: str) -> None:
    trap = "import pathlib; pathlib.Path('/tmp/json.py').write_text('1/0')"
    trapped = ["env", "PYTHONPATH=/tmp", "PYTHONHOME=/tmp", "socratasync", "--version"]
    folder: Object = {
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }

    ended = run(cluster, namespace, ["python", "-c", trap], trapped, **folder)

    assert ended == [(0, ""), (0, f"socratasync {__version__}")]


LOADED = """
import json, ssl, sys
import socratasync.worker, socratasync.controller.main
ssl.create_default_context()
mapped = {line.split()[-1] for line in open("/proc/self/maps") if " r-x" in line and "/" in line}
modules = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
print(json.dumps(sorted(path for path in mapped | modules if path)))
"""


def test_all_code_that_a_worker_loads_lies_where_nothing_may_be_mounted(
    cluster: Cluster, namespace: str
) -> None:
    ((code, said),) = run(cluster, namespace, ["python", "-I", "-c", LOADED])
    assert code == 0, said
    loaded = json.loads(said)

    def may_be_mounted_over(path: str) -> bool:
        try:
            return bool(VolumeMount.model_validate({"name": "x", "mountPath": path}))
        except ValidationError:
            return False

    assert len(loaded) > 500
    assert [path for path in loaded if may_be_mounted_over(path)] == []


def test_the_plugin_asks_the_cluster_and_what_the_image_leaves_out_is_told(
    cluster: Cluster, namespace: str, visitor: Object
) -> None:
    status = ["kubectl-socratasync", "status", "-n", namespace, "--kubeconfig=/visitor/kubeconfig"]

    asked, demo = run(cluster, namespace, status, ["socratasync", "demo"], **visitor)

    assert asked[0] == 1
    assert "you may not do that" in asked[1]
    assert demo[0] == 78, demo
    assert "the demo needs socrata_simulator" in demo[1]
