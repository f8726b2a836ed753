"""The health script for Argo CD, run by the Lua that Argo CD speaks (5.1), on every way in which a sync may stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa.lua51  # type: ignore[import-untyped]
import pytest
import yaml
from tests.unit.controller.standings import STANDINGS, Standing

PATCH = Path(__file__).parents[3] / "manifests" / "argocd" / "argocd-cm.yaml"
KEY = "resource.customizations.health.socratasync.dev_SocrataSync"


def health(body: dict[str, Any]) -> tuple[str, str]:
    """What the script makes of the object, with nothing of Lua's libraries but what Argo CD leaves to scripts."""
    lua = lupa.lua51.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    lua.execute("io, os, require, package, debug, loadfile, dofile, python = nil")
    lua.globals().obj = lua.table_from(body, recursive=True)
    found = lua.execute(yaml.safe_load(PATCH.read_text())["data"][KEY])
    return found.status, found.message


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda standing: standing.name)
def test_argo_cd_tells_how_a_sync_stands(standing: Standing) -> None:
    word, message = health(standing.story().object)

    assert word == standing.argocd
    assert message
    assert standing.says in message


@pytest.mark.parametrize("status", [{}, {"status": {}}, {"status": {"conditions": []}}])
def test_a_status_that_says_nothing_is_on_its_way(status: dict[str, Any]) -> None:
    assert health({"metadata": {"name": "a", "generation": 1}, **status})[0] == "Progressing"


def test_no_two_standings_have_one_name() -> None:
    names = [standing.name for standing in STANDINGS]

    assert len(set(names)) == len(names)
