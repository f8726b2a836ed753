"""A platform team's day with Socrata Sync, once with the chart and once with the plain manifests."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.e2e import city
from tests.e2e.cluster import Cluster, Object
from tests.e2e.holding import held_download
from tests.e2e.releases import DEFINITION, NEWEST_COLUMN, SYSTEM, Helm, Manifests, Release

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal

Connection = psycopg.Connection[tuple[object, ...]]

TOKEN = "token-of-the-city"


@pytest.fixture(scope="module")
def namespace_of_the_operator(cluster: Cluster) -> Iterator[str]:
    """A namespace that admits restricted pods only; nothing of an install is left in it or beside it."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM, "labels": labels}}
    cluster.apply(made)
    yield SYSTEM
    cluster.kubectl("delete", "namespace", SYSTEM, "--ignore-not-found", "--timeout=120s")


@pytest.fixture(scope="module", params=["helm", "manifests"])
def release(
    request: pytest.FixtureRequest,
    cluster: Cluster,
    namespace_of_the_operator: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Release]:
    """This checkout's version, installed."""
    ways: dict[str, Release] = {
        "helm": Helm(cluster=cluster, scratch=tmp_path_factory.mktemp("charts")),
        "manifests": Manifests(cluster=cluster),
    }
    way = ways[request.param]
    way.install()
    yield way
    way.uninstall()
    cluster.kubectl("delete", "crd", DEFINITION, "--timeout=60s")


@pytest.fixture
def portal() -> Portal:
    return Portal(app_tokens=[TOKEN])


@dataclass(frozen=True, slots=True, kw_only=True)
class City:
    """The LA 311 example in a namespace of its user's."""

    cluster: Cluster
    namespace: str
    manifest: dict[str, Any]
    rows: int

    def apply(self) -> None:
        self.cluster.apply(self.manifest, namespace=self.namespace)

    def wait(self, condition: Callable[[Object], object], timeout_s: float = 120) -> Object:
        """The status once ``condition`` holds for it."""
        return self.cluster.wait_for_status(
            city.NAME, condition, namespace=self.namespace, timeout_s=timeout_s
        )

    def load(self) -> Object:
        """Apply it, and return the status of its first run's end."""
        self.apply()
        status = self.wait(lambda s: s.get("lastRun"))
        assert status["lastRun"]["result"] == "Succeeded", status["lastRun"]
        return status

    def columns(self) -> dict[str, str]:
        """What ``kubectl get socratasyncs -o wide`` prints, by column."""
        where = ("--namespace", self.namespace, "-o", "wide")
        said = self.cluster.kubectl("get", "socratasyncs", *where).splitlines()
        names, values = (re.split(r" {3,}", line.strip()) for line in said)
        return dict(zip(names, values, strict=True))


@pytest.fixture
def la_311(cluster: Cluster, namespace: str, portal: Portal, socrata: Server, dsn: str) -> City:
    """The example, its secrets, and a portal with all of its datasets. Not applied yet."""
    authority = Path(socrata.ca_file).read_text()
    cluster.apply(*city.secrets(dsn, TOKEN, authority), namespace=namespace)
    return City(
        cluster=cluster,
        namespace=namespace,
        manifest=city.manifest(cluster, socrata.port),
        rows=city.populate(portal),
    )


@pytest.fixture
def elsewhere(cluster: Cluster) -> Iterator[str]:
    """Another namespace, of somebody else's."""
    name = f"elsewhere-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


def count(connection: Connection, where: str = "true") -> int:
    row = connection.execute(f"SELECT count(*) FROM requests WHERE {where}").fetchone()
    assert row is not None
    return int(str(row[0]))


def printed_columns(cluster: Cluster) -> list[str]:
    """The columns of the definition that the cluster has."""
    path = "{.spec.versions[0].additionalPrinterColumns[*].name}"
    return cluster.kubectl("get", "crd", DEFINITION, "-o", f"jsonpath={path}").split()


def test_the_example_fills_its_table_with_the_rows_of_every_year(
    release: Release, la_311: City, connection: Connection
) -> None:
    status = la_311.load()

    assert count(connection) == la_311.rows == status["rows"]["inserted"]
    by_year = {d["year"]: d["rows"]["target"] for d in status["datasets"]}
    assert by_year == dict.fromkeys(by_year, city.ROWS_A_YEAR)
    assert {2015, 2024, 2026} <= set(by_year)
    new_form = "srnumber LIKE '26%' AND requesttype = 'Bulky Items' AND updateddate IS NOT NULL"
    assert count(connection, new_form) == city.ROWS_A_YEAR


def test_kubectl_get_tells_how_it_stands(release: Release, la_311: City) -> None:
    la_311.load()

    columns = la_311.columns()

    assert columns["NAME"] == city.NAME
    assert columns["MODE"] == "update"
    assert columns["SCHEDULE"] == "0 7 * * *"
    assert (columns["PHASE"], columns["READY"]) == ("Synced", "True")
    assert columns["ROWS"] == str(la_311.rows)
    assert columns["MESSAGE"].endswith("deleted")
    assert all(columns[name] for name in ("LAST SYNC", "SINCE", "NEXT", "DURATION", "AGE"))


def test_metrics_are_scraped_from_the_pod(release: Release, cluster: Cluster, la_311: City) -> None:
    la_311.load()

    text = cluster.kubectl(
        "get",
        "--raw",
        f"/api/v1/namespaces/{SYSTEM}/services/socratasync-metrics:metrics/proxy/metrics",
    )

    this = f'name="{city.NAME}",namespace="{la_311.namespace}"'
    also = f'namespace="{la_311.namespace}",name="{city.NAME}"'
    lines = [line for line in text.splitlines() if this in line or also in line]
    values = {line.split("{")[0]: line.rsplit(" ", 1)[1] for line in lines}
    assert values["socratasync_last_run_succeeded"] == "1.0"
    assert values["socratasync_dataset_source_rows"] == f"{city.ROWS_A_YEAR:.1f}"
    assert 'socratasync_operator_build_info{version="' in text


def test_a_person_triggers_a_run_that_brings_what_changed(
    release: Release, cluster: Cluster, la_311: City, portal: Portal, connection: Connection
) -> None:
    la_311.load()
    year = portal["b7dx-7gc3"]
    year.update(year.ids(limit=1)[0], status="Cancelled")

    where = ("--namespace", la_311.namespace)
    cluster.kubectl("socratasync", "trigger", city.NAME, "--wait", *where, timeout_s=120)

    assert count(connection, "status = 'Cancelled'") == 1
    last = la_311.wait(lambda s: s["lastRun"]["trigger"] == "Manual")["lastRun"]
    assert (last["result"], last["rows"]["updated"]) == ("Succeeded", 1)


def test_helms_own_test_finds_the_operator_ready(release: Release, cluster: Cluster) -> None:
    if isinstance(release, Helm):
        assert "Phase:          Succeeded" in release.helm("test", "socratasync", "--timeout=60s")
    else:
        text = cluster.kubectl(
            "get",
            "deployment",
            "socratasync",
            "-n",
            SYSTEM,
            "-o",
            "jsonpath={.status.readyReplicas}",
        )
        assert text == "1"


def test_an_upgrade_during_a_run_loses_nothing_and_repeats_nothing(
    release: Release, cluster: Cluster, la_311: City, portal: Portal, connection: Connection
) -> None:
    release.install(previous=True)
    assert NEWEST_COLUMN not in printed_columns(cluster)
    with held_download(portal, after_pages=5) as held:
        la_311.apply()
        held.wait_reached()
        before = la_311.wait(lambda s: s.get("activeRun"))["activeRun"]
        release.install()
        during = la_311.wait(lambda s: s.get("activeRun"))["activeRun"]
    status = la_311.wait(lambda s: s.get("lastRun"))

    assert during["job"] == before["job"] == status["lastRun"]["job"]
    assert status["lastRun"]["result"] == "Succeeded", status["lastRun"]
    assert count(connection) == la_311.rows
    assert len(cluster.list("jobs", namespace=la_311.namespace)) == 1
    assert NEWEST_COLUMN in printed_columns(cluster)


def test_an_operator_of_one_namespace_works_there_and_looks_nowhere_else(
    release: Release, cluster: Cluster, la_311: City, elsewhere: str
) -> None:
    with release.confined_to(la_311.namespace):
        cluster.apply(la_311.manifest, namespace=elsewhere)
        la_311.load()
        unseen = cluster.get("socratasync", city.NAME, namespace=elsewhere)
        roles = cluster.kubectl(
            "get", "clusterroles", "-l", "app.kubernetes.io/part-of=socratasync"
        )

    assert unseen["status"] == {"observedGeneration": -1}, (
        "what the definition gives it, and no more"
    )
    assert not roles


def test_an_uninstall_leaves_data_definition_and_history_and_an_install_goes_on(
    release: Release, cluster: Cluster, la_311: City, connection: Connection
) -> None:
    history = la_311.load()["history"]

    release.uninstall()

    assert cluster.kubectl("get", "crd", DEFINITION)
    left = cluster.get("socratasync", city.NAME, namespace=la_311.namespace)
    assert left["status"]["history"] == history
    assert count(connection) == la_311.rows
    where = ("--namespace", la_311.namespace)
    cluster.kubectl("socratasync", "trigger", city.NAME, *where)
    release.install()
    status = la_311.wait(lambda s: s["lastRun"]["job"] != history[0]["job"])
    assert status["lastRun"]["trigger"] == "Manual"
    assert status["lastRun"]["result"] == "NoChange", status["lastRun"]
    assert [run["job"] for run in status["history"]][1:] == [run["job"] for run in history]
