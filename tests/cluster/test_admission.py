"""The API server refuses what the models refuse, in the same words, and takes what they take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.api import Api, Object, Refused
from tests.cluster.controlplane import ControlPlane
from tests.generated_datasets import generated
from tests.proposals import Proposals
from tests.unit.api.bad_manifests import BAD, GOOD, SAME, Bad, changed

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal
from socratasync.api.manifest import read_manifest
from socratasync.api.spec import SyncSpec

EXAMPLES = sorted((Path(__file__).parents[2] / "manifests" / "examples").glob("*.yaml"))

TRIED = {"fieldValidation": "Strict", "dryRun": "All"}
"""As ``kubectl apply --dry-run=server`` asks: unknown fields are errors, nothing is stored."""

FINISHED: Object = {
    "observedGeneration": 1,
    "phase": "Synced",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "1,234 rows are in step.",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
            "observedGeneration": 1,
        }
    ],
    "rows": {"downloaded": 1234, "inserted": 1234, "target": 1234},
    "lastSyncedSince": "2026-01-02T03:00:00Z",
    "lastSuccessfulTime": "2026-01-02T03:04:05Z",
    "nextScheduleTime": "2126-01-03T15:00:00Z",
    "lastRun": {
        "job": "la-311-1",
        "trigger": "Schedule",
        "duration": "4m12s",
        "result": "Succeeded",
    },
}


def sync(spec: Object, name: str = "la-311") -> Object:
    """A SocrataSync with that spec."""
    head = {"apiVersion": "socratasync.dev/v1alpha1", "kind": "SocrataSync"}
    return {**head, "metadata": {"name": name}, "spec": spec}


@pytest.mark.parametrize(
    "bad", [pytest.param(bad, id=bad.title) for bad in BAD if bad.server is not None]
)
def test_what_the_models_refuse_the_api_server_refuses(api: Api, bad: Bad) -> None:
    with pytest.raises(Refused) as refused:
        api.create(sync(changed(bad.changes)), namespace="default", **TRIED)

    said = refused.value.message
    assert bad.server is not None
    assert (bad.sentence if bad.server == SAME else bad.server) in said
    if bad.server == SAME:
        assert f"{bad.path}: " in said


@pytest.mark.parametrize(
    "bad", [pytest.param(bad, id=bad.title) for bad in BAD if bad.server is None]
)
def test_what_only_the_models_can_tell_reaches_the_operator(api: Api, bad: Bad) -> None:
    stored = api.create(sync(changed(bad.changes)), namespace="default", **TRIED)

    assert stored["spec"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_taken_and_means_the_same_to_both(api: Api, path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    stored = api.create(yaml.safe_load(text), namespace="default", **TRIED)

    assert SyncSpec.from_json(stored["spec"]) == read_manifest(text).spec


def test_what_init_proposes_is_taken_and_means_the_same_to_both(
    api: Api, portal: Portal, socrata: Server
) -> None:
    proposals = Proposals(portal, socrata.domain, dsn="")
    for made in generated(portal, 30, seed=3):
        text = proposals.text(made.dataset.id)

        stored = api.create(yaml.safe_load(text), namespace="default", **TRIED)

        assert SyncSpec.from_json(stored["spec"]) == read_manifest(text).spec


def test_the_least_spec_is_stored_with_the_models_defaults(api: Api) -> None:
    stored = api.create(sync(GOOD), namespace="default", **TRIED)

    assert SyncSpec.from_json(stored["spec"]) == SyncSpec.from_json(GOOD)
    assert stored["spec"]["job"]["resources"] == {}  # the operator's defaults are for all syncs


def test_kubectl_takes_on_without_its_quotes(control_plane: ControlPlane, tmp_path: Path) -> None:
    manifest = yaml.safe_dump(sync(changed({"notify": [{"slack": {"secretRef": {"name": "s"}}}]})))
    bare = manifest.replace("  - slack:\n", "  - on: [Success]\n    slack:\n")
    file = tmp_path / "sync.yaml"
    file.write_text(bare, encoding="utf-8")

    printed = control_plane.kubectl("apply", "--dry-run=server", "-o", "yaml", "-f", str(file))

    stored = SyncSpec.from_json(yaml.safe_load(printed)["spec"])
    assert stored == read_manifest(bare).spec
    assert [channel.on for channel in stored.notify] == [("Success",)]


def test_the_columns_show_how_a_sync_stands(
    api: Api, control_plane: ControlPlane, namespace: str
) -> None:
    api.create(sync(changed({"schedule": "0 7 * * *"})), namespace=namespace)
    api.patch("SocrataSync", "la-311", {"status": FINISHED}, namespace=namespace, part="status")

    printed = control_plane.kubectl("get", "ssync", "-n", namespace, "-o", "wide")

    heads, line = printed.splitlines()[:2]
    assert heads.split() == (
        "NAME DOMAIN MODE SCHEDULE PHASE READY LAST SYNC ROWS SINCE NEXT DURATION REASON MESSAGE AGE".split()
    )
    assert line.split()[:9] == "la-311 data.lacity.org update 0 7 * * * Synced".split()
    for shown in ("True", "1234", "2026-01-02T03:00:00Z", "2126-01-03T15:00:00Z", "4m12s"):
        assert shown in line
    assert "1,234 rows are in step." in line
    assert "<invalid>" not in line


def test_a_status_of_other_words_is_refused(api: Api, namespace: str) -> None:
    api.create(sync(GOOD), namespace=namespace)
    status: dict[str, Any] = {"phase": "Doing fine"}

    with pytest.raises(Refused, match=r"status\.phase: Unsupported value"):
        api.patch("SocrataSync", "la-311", {"status": status}, namespace=namespace, part="status")


def test_syncs_are_found_by_domain_and_by_being_suspended(
    api: Api, control_plane: ControlPlane, namespace: str
) -> None:
    api.create(sync(GOOD, "los-angeles"), namespace=namespace)
    api.create(
        sync(changed({"domain": "data.cityofnewyork.us", "suspend": True}), "new-york"),
        namespace=namespace,
    )

    def found(selector: str) -> list[str]:
        printed = control_plane.kubectl(
            "get", "socrata", "-n", namespace, "-o", "name", "--field-selector", selector
        )
        return [line.split("/")[1] for line in printed.split()]

    assert found("spec.domain=data.lacity.org") == ["los-angeles"]
    assert found("spec.suspend=true") == ["new-york"]


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("schedule", "When to run: five cron fields"),
        ("target.prune", "On a full run, delete rows that are gone"),
        ("job.podTemplate.env", "Variables of the worker's environment"),
    ],
)
def test_kubectl_explains_every_field(
    control_plane: ControlPlane, field: str, sentence: str
) -> None:
    printed = control_plane.kubectl("explain", f"socratasync.spec.{field}")

    assert sentence in " ".join(printed.split())
