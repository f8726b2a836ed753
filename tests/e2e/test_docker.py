"""One run without a cluster: ``docker run … socratasync run -f -``, from nothing but a manifest on standard input."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.e2e import docker, images
from tests.e2e.cluster import Cluster
from tests.e2e.holding import held_download
from tests.e2e.syncs import DATASET

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.skipif(bool(os.environ.get("KUBECONFIG")), reason=docker.NOT_OUR_NODE)

Connection = psycopg.Connection[tuple[object, ...]]
Docker = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def docker_run(cluster: Cluster, socrata: Server, dsn: str, tmp_path: Path) -> Docker:
    """Starts a command of the image: nothing may be written, and no capability is left."""
    images.name(cluster.image, docker.BUILT)
    variables = docker.install(tmp_path, ca_file=Path(socrata.ca_file))
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    environment = {**os.environ, **variables, "PATH": path, "SOCRATASYNC_DSN": dsn}
    held = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"]

    def start(*command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                "docker",
                "run",
                "--rm",
                "-i",
                *held,
                "-e",
                "SOCRATASYNC_DSN",
                "socratasync:dev",
                *command,
            ],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture
def manifest(cluster: Cluster, socrata: Server) -> dict[str, Any]:
    return {
        "apiVersion": "socratasync.dev/v1alpha1",
        "kind": "SocrataSync",
        "metadata": {"name": "requests"},
        "spec": {
            "domain": f"{cluster.address}:{socrata.port}",
            "datasets": [{"id": DATASET, "year": 2024}],
            "source": {"pageSize": 1000},
            "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
        },
    }


def count(connection: Connection) -> object:
    return connection.execute("SELECT count(*) FROM requests").fetchone()


def test_a_manifest_on_standard_input_is_loaded_and_the_result_is_printed(
    docker_run: Docker, manifest: dict[str, Any], portal: Portal, connection: Connection
) -> None:
    portal.add_synthetic(DATASET, rows=3000, seed=1)

    process = docker_run("run", "-f", "-", "-o", "json")
    said, told = process.communicate(json.dumps(manifest), timeout=90)

    assert process.returncode == 0, told
    assert json.loads(said)["rows"]["inserted"] == 3000
    assert count(connection) == (3000,)


def test_the_runs_exit_code_is_the_containers_and_the_sentence_says_what_to_write(
    docker_run: Docker, manifest: dict[str, Any]
) -> None:
    del manifest["spec"]["target"]["table"]

    process = docker_run("run", "-f", "-")
    _, told = process.communicate(json.dumps(manifest), timeout=90)

    assert process.returncode == 78
    assert "spec.target.table" in told


def test_a_container_that_is_stopped_in_mid_download_rolls_back_and_the_next_one_goes_on(
    docker_run: Docker, manifest: dict[str, Any], portal: Portal, connection: Connection
) -> None:
    portal.add_synthetic(DATASET, rows=5000, seed=1)
    with held_download(portal, after_pages=3) as held:
        stopped = docker_run("run", "-f", "-")
        assert stopped.stdin is not None
        stopped.stdin.write(json.dumps(manifest))
        stopped.stdin.close()
        stopped.stdin = None
        held.wait_reached()
        stopped.terminate()  # which Docker passes on, as docker stop does
        stopped.communicate(timeout=10)

    again = docker_run("run", "-f", "-")
    _, told = again.communicate(json.dumps(manifest), timeout=90)

    assert (stopped.returncode, again.returncode) == (143, 0), told
    assert count(connection) == (5000,)
    pages = [query for kind, _, query in portal.requests if kind == "rows"]
    assert len(pages) <= 5 + 2, "the second container began anew instead of going on"
