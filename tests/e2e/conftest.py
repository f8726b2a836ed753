"""End to end: a real node, this checkout's image, a real PostgreSQL, the simulated Socrata.

``make e2e`` runs these. Where no cluster can be had they are refused, never skipped. With
``SOCRATASYNC_E2E_KEEP=1`` the node stays for the next run (``python -m tests.e2e.node down`` ends it).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.e2e import cluster as clusters
from tests.e2e.cluster import Cluster
from tests.e2e.database import database, own_database
from tests.e2e.install import Installation, manifests_installed
from tests.e2e.syncs import Sync

from socrata_simulator.http.server import Server, serve
from socrata_simulator.portal.portal import Portal

Connection = psycopg.Connection[tuple[object, ...]]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Refuses the run with a sentence, before any test could fail in a stranger way."""
    ours = [item for item in session.items if Path(__file__).parent in item.path.parents]
    if ours and not session.config.option.collectonly and (reason := clusters.why_not()):
        pytest.exit(reason, returncode=1)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster; from here on this process is in its network."""
    with clusters.cluster() as found:
        yield found


@pytest.fixture(scope="module")
def installed(cluster: Cluster) -> Iterator[Installation]:
    """The operator from manifests/, in a namespace that admits restricted pods only."""
    with manifests_installed(cluster) as installation:
        yield installation


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of a user's: restricted pods only, gone afterwards."""
    name = f"data-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    cluster.apply(made)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def server(cluster: Cluster) -> Iterator[str]:
    """The DSN of a PostgreSQL that pods can reach."""
    with database(cluster.address) as dsn:
        yield dsn


@pytest.fixture
def dsn(server: str) -> Iterator[str]:
    """The DSN of a database of the test's own."""
    with own_database(server) as made:
        yield made


@pytest.fixture
def connection(dsn: str) -> Iterator[Connection]:
    """A connection to the target, in autocommit mode."""
    with psycopg.connect(dsn, autocommit=True) as opened:
        yield opened


@pytest.fixture
def portal() -> Portal:
    """A simulated Socrata without datasets."""
    return Portal()


@pytest.fixture
def socrata(portal: Portal, cluster: Cluster) -> Iterator[Server]:
    """The portal over HTTPS, where pods can reach it, with a certificate of its own authority."""
    listen = "0.0.0.0" if os.environ.get("KUBECONFIG") else cluster.address
    with serve(portal, listen, names=[cluster.address]) as server:
        yield server


@pytest.fixture
def sync(cluster: Cluster, namespace: str, socrata: Server, dsn: str) -> Sync:
    """What a user would write down: secrets, the authority to trust, a manifest to change and apply."""
    return Sync(cluster, namespace, domain=f"{cluster.address}:{socrata.port}", dsn=dsn).prepare(
        Path(socrata.ca_file).read_text()
    )
