"""The two ways to install, as one: of a version, over another version, and away again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml
from tests.e2e.cluster import Cluster
from tests.e2e.install import ROOT, rendered

SYSTEM = "socratasync-system"
RELEASE = "socratasync"
CHART = ROOT / "helm" / "socrata-sync"
DEFINITION = "socratasyncs.socratasync.dev"
NEWEST_COLUMN = "Message"
"""A column that ``kubectl get`` prints, and that the previous version's definition does not have."""


class Release(Protocol):
    """A way to install. Namespace, definition and data are never its to remove."""

    def install(self, *, previous: bool = False) -> None:
        """This checkout's version, or the one before it; over whatever is there. Returns when ready."""

    def confined_to(self, namespace: str) -> AbstractContextManager[None]:
        """Meanwhile an operator for that namespace, with a Role and nothing more; then ``install``."""

    def uninstall(self) -> None:
        """Take the operator away. Returns when its pod is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Helm:
    """``helm upgrade --install``, ``helm uninstall``."""

    cluster: Cluster
    scratch: Path

    def install(self, *, previous: bool = False) -> None:
        """See ``Release``."""
        self._upgrade(previous_chart(self.scratch / "previous") if previous else CHART)

    @contextmanager
    def confined_to(self, namespace: str) -> Iterator[None]:
        """See ``Release``."""
        self._upgrade(CHART, "watch.scope=Namespaces", f"watch.namespaces={{{namespace}}}")
        try:
            yield
        finally:
            self.install()

    def _upgrade(self, chart: Path, *settings: str) -> None:
        repository, _, tag = self.cluster.image.rpartition(":")
        values = [f"image.repository={repository}", f"image.tag={tag}", *settings]
        flags = [part for value in values for part in ("--set", value)]
        self.helm("upgrade", "--install", RELEASE, str(chart), *flags, "--wait", "--timeout=120s")

    def uninstall(self) -> None:
        """See ``Release``."""
        self.helm("uninstall", RELEASE, "--wait", "--timeout=120s")

    def helm(self, *arguments: str) -> str:
        """What helm printed; fails with its errors."""
        done = self.cluster.run("helm", *arguments, "--namespace", SYSTEM, timeout_s=180)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifests:
    """``kubectl apply -k manifests/``, and ``kubectl delete`` of all but namespace and definition."""

    cluster: Cluster

    def install(self, *, previous: bool = False) -> None:
        """See ``Release``."""
        found = self._objects("manifests")
        self._apply(map(older, found) if previous else found, SYSTEM)

    @contextmanager
    def confined_to(self, namespace: str) -> Iterator[None]:
        """See ``Release``."""
        self.uninstall()
        found = [moved(each, namespace) for each in self._objects("manifests/namespaced")]
        self._apply(found, namespace)
        try:
            yield
        finally:
            self.cluster.kubectl("delete", "-f", "-", stdin=yaml.safe_dump_all(found))
            self.install()

    def _apply(self, found: Iterable[dict[str, Any]], namespace: str) -> None:
        self.cluster.apply(*found)
        where = ("--namespace", namespace, "--timeout=120s")
        self.cluster.kubectl("rollout", "status", "deployment/socratasync", *where, timeout_s=130)

    def uninstall(self) -> None:
        """See ``Release``."""
        mine = [o for o in self._objects("manifests") if o["kind"] not in _NOT_MINE]
        text = yaml.safe_dump_all(mine)
        self.cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)
        selector = "app.kubernetes.io/component=operator"
        self.cluster.kubectl(
            *("wait", "--for=delete", "pod", "-l", selector, "--namespace", SYSTEM),
            "--timeout=60s",
        )

    def _objects(self, folder: str) -> list[dict[str, Any]]:
        text = self.cluster.kubectl("kustomize", str(ROOT / folder))
        return list(yaml.safe_load_all(rendered(text, self.cluster.image)))


_NOT_MINE = ("Namespace", "CustomResourceDefinition")


def previous_chart(folder: Path) -> Path:
    """The chart of an earlier version: its own number, and a definition that lacks a column."""
    if folder.exists():
        return folder
    shutil.copytree(CHART, folder)
    _edit(folder / "Chart.yaml", lambda chart: chart | {"version": "0.0.1"})
    _edit(folder / "files" / "socratasyncs.yaml", without_newest_column)
    return folder


def older(found: dict[str, Any]) -> dict[str, Any]:
    """The same for an object of the plain manifests: another pod, and a definition that lacks a column."""
    if found["kind"] == "CustomResourceDefinition":
        return without_newest_column(found)
    if found["kind"] == "Deployment":
        found["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"] = "0.0.1"
    return found


def moved(found: dict[str, Any], namespace: str) -> dict[str, Any]:
    """The object as `namespace:` in a kustomization would have it."""
    found["metadata"]["namespace"] = namespace
    for subject in found.get("subjects", []):
        subject["namespace"] = namespace
    return found


def without_newest_column(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition as it was before the column came."""
    for version in definition["spec"]["versions"]:
        columns = version["additionalPrinterColumns"]
        version["additionalPrinterColumns"] = [c for c in columns if c["name"] != NEWEST_COLUMN]
    return definition


def _edit(file: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    file.write_text(yaml.safe_dump(change(yaml.safe_load(file.read_text()))))
