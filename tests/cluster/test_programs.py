"""Where the cluster's programs come from, without building any."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.cluster import programs

ROOT = Path(__file__).parents[2]
NOBODY = 65534


@pytest.fixture(autouse=True)
def _nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    (tmp_path / "path").mkdir()


def put(folder: Path, names: Iterable[str], version: str = "v1.34.4") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(f"#!/bin/sh\necho Kubernetes {version}\n")
        (folder / name).chmod(0o755)
    return folder


def put_cached(name: str) -> Path:
    wanted = programs.SETS[name]
    return put(programs.cached_folder(wanted.module), wanted.packages)


API = tuple(programs.SETS["api"].packages)


def test_the_assets_folder_comes_before_the_path_and_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = put(tmp_path / "assets", API)
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    put(tmp_path / "path", API)
    put_cached("api")

    assert programs.find("api") == {name: assets / name for name in API}


def test_an_assets_folder_without_controllers_is_passed_over_for_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = put(tmp_path / "assets", ("etcd", "kube-apiserver", "kubectl"))
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))
    path = put(tmp_path / "path", API)

    assert programs.find("api") == {name: path / name for name in API}


@pytest.mark.parametrize(
    ("server", "controllers"),
    [
        pytest.param("v1.34.4", "v1.33.0", id="two versions"),
        pytest.param("v1.30.9", "v1.30.9", id="one before podFailurePolicy is for good"),
    ],
)
def test_programs_that_prove_nothing_are_passed_over_for_the_cache(
    tmp_path: Path, server: str, controllers: str
) -> None:
    put(tmp_path / "path", API, server)
    put(tmp_path / "path", ["kube-controller-manager"], controllers)
    cached = put_cached("api")

    assert programs.find("api") == {name: cached / name for name in API}


def test_sets_are_found_together(tmp_path: Path) -> None:
    api, helm = put_cached("api"), put_cached("chart")

    found = programs.find("api", "chart")

    assert found == {**{name: api / name for name in API}, "helm": helm / "helm"}


def test_every_set_is_pinned_by_checksums() -> None:
    for wanted in programs.SETS.values():
        folder = programs.MODULES / wanted.module
        sums = (folder / "go.sum").read_text()
        tools = (folder / "go.mod").read_text()
        for package in wanted.packages.values():
            assert package in tools
        assert " h1:" in sums


def test_end_to_end_tests_are_refused_with_a_sentence_where_no_node_can_run() -> None:
    script = (ROOT / "tests/e2e/prepare.sh").read_text()
    refused = subprocess.run(
        ["/bin/bash", "-s"],
        input=script,
        user=NOBODY if programs.is_root() else None,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1
    assert "needs root" in refused.stderr or "needs Linux" in refused.stderr
    assert "KUBECONFIG" in refused.stderr
