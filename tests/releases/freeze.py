"""Keeps the state that this checkout leaves behind, for the tests of upgrades from it: `make release-state`.

Played as tests are, with their control plane and their database, but never a part of the suite: what a release
left is made once, when it is released.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.cluster.api import Api, Object
from tests.cluster.conftest import (  # fixtures, by their own names
    CRD,
    api,  # noqa: F401
    control_plane,  # noqa: F401
    kubelet,  # noqa: F401
    namespace,  # noqa: F401
    new_namespace,  # noqa: F401
)
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubelet import Kubelet
from tests.cluster.running import ACCOUNT, RunningOperator, allow_in_namespace
from tests.cluster.syncs import KIND, YEARS
from tests.cluster.syncs import Sync as ClusterSync
from tests.conftest import Clock
from tests.postgres.conftest import Sync, sync  # noqa: F401
from tests.releases.source import a_change, five_parks
from tests.releases.states import HERE

from socratasync import __version__
from socratasync.embedded.programs import find

_NOISE = re.compile(r"^(--.*|SET .*|\\.*|SELECT pg_catalog\.set_config.*)?\n", re.MULTILINE)


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where this version's state is kept."""
    made = HERE / __version__
    made.mkdir(exist_ok=True)
    return made


def test_what_the_api_server_holds_while_a_run_is_under_way(
    folder: Path,
    control_plane: ControlPlane,  # noqa: F811
    namespace: str,  # noqa: F811
    api: Api,  # noqa: F811
    kubelet: Kubelet,  # noqa: F811
    tmp_path: Path,
) -> None:
    allow_in_namespace(control_plane, namespace)
    kubeconfig = control_plane.kubeconfig_for(ACCOUNT, namespace=namespace)
    one = ClusterSync(api, kubelet, namespace)
    with RunningOperator(kubeconfig, tmp_path / "operator.log", [namespace]):
        _live(one)
        job = one.started(3)
        one.at_work(job)
        one.until(lambda s: s["phase"] == "Syncing")
    (folder / "definition.yaml").write_text(CRD.read_text())
    _keep(folder / "sync.yaml", api.get(KIND, one.name, namespace=namespace))
    _keep(folder / "job.yaml", api.get("Job", job, namespace=namespace))


def _live(one: ClusterSync) -> None:
    """A run that succeeded, one that failed for good, and one that has just been asked for."""
    one.apply(
        schedule="0 * * * *",
        timeZone="America/Los_Angeles",
        suspend=False,
        retry={"limit": 3},
        freshness={"maxLag": "6h"},
    )
    one.succeed(one.started(), years=YEARS)
    one.annotate(requestedAt="once more")
    failed = one.started(2)
    one.fail(failed, one.at_work(failed), 65, "SchemaChanged", "the column agency went")
    one.ended(failed)
    one.annotate(requestedAt="and again")


def _keep(file: Path, found: Object) -> None:
    found["metadata"].pop("managedFields", None)
    file.write_text(yaml.safe_dump(found, sort_keys=False, allow_unicode=True))


@pytest.mark.interface("SODA2")  # which was the only one when the first states were kept
def test_what_the_database_holds_after_two_runs(
    folder: Path,
    sync: Sync,  # noqa: F811
    clock: Clock,
) -> None:
    parks = five_parks(sync, clock)
    sync.well(run="first")
    a_change(parks, clock)
    sync.well(run="second")

    command = [str(find() / "bin" / "pg_dump"), "--column-inserts", "--no-owner", "--no-privileges"]
    done = subprocess.run([*command, sync.dsn], check=True, capture_output=True, text=True)

    head = f"-- A database as runs of Socrata Sync {__version__} left it, as pg_dump wrote it. Never to be changed.\n\n"
    body = re.sub(r"\n{3,}", "\n\n", _NOISE.sub("\n", done.stdout)).strip()
    (folder / "bookkeeping.sql").write_text(f"{head}{body}\n")
