"""The fingerprint of what a spec loads: it must not move with a release, for a change starts a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import create_model
from tests.unit.controller.conftest import SPEC, at

from socratasync.api.source import DatasetSpec, SourceSpec
from socratasync.api.spec import SyncSpec
from socratasync.api.target import TargetSpec
from socratasync.controller.action import Capacity, Kind
from socratasync.controller.decide import decide
from socratasync.controller.observed.resource import (
    Resource,
    fingerprint,
    fingerprint_of_version_0,
    is_loaded,
)

MakeResource = Callable[..., Resource]

LARGE: dict[str, Any] = {
    **SPEC,
    "datasets": [
        {"id": "rq3b-xjk8", "year": 2020, "where": "a = 1", "columns": {"srnumber": "casenumber"}}
    ],
    "years": [2020],
    "mode": "full",
    "source": {
        "appTokenSecretRef": {"name": "socrata", "key": "t"},
        "credentialsSecretRef": {"name": "login"},
        "pageSize": 1000,
    },
    "target": {
        "dsnSecretRef": {"name": "db", "key": "url"},
        "schema": "s",
        "table": "t",
        "key": ["k"],
        "fields": {"k": "text", "srnumber": ""},
        "reset": True,
        "onSchemaChange": "Fail",
    },
}


@pytest.mark.parametrize(
    ("manifest", "now", "before"),
    [
        pytest.param(SPEC, "1-0a9cedda59ec36ea", "f00d357c365adec1", id="the least"),
        pytest.param(
            {**SPEC, "since": "2026-01-01T00:00:00Z"},
            "1-0408e5494c213fb7",
            "d907c99a930d6573",
            id="a bound",
        ),
        pytest.param(LARGE, "1-abd8689935908941", "469d633d147d8633", id="most of what there is"),
    ],
)
def test_the_fingerprint_of_a_manifest_is_the_same_in_every_release(
    manifest: dict[str, Any], now: str, before: str
) -> None:
    spec = SyncSpec.from_json(manifest)

    assert fingerprint(spec) == now
    assert fingerprint_of_version_0(spec) == before


def test_a_default_that_is_written_out_changes_nothing() -> None:
    written = {
        **SPEC,
        "mode": "update",
        "source": {"watermark": ":updated_at"},
        "target": {**SPEC["target"], "schema": "public", "reset": False, "provenance": True},
    }

    assert fingerprint(SyncSpec.from_json(written)) == fingerprint(SyncSpec.from_json(SPEC))


def test_a_field_that_a_later_release_adds_changes_nothing_until_it_is_used() -> None:
    target = create_model("LaterTarget", __base__=TargetSpec, geometry=(str, "Auto"))
    source = create_model("LaterSource", __base__=SourceSpec, api=(str | None, None))
    dataset = create_model("LaterDataset", __base__=DatasetSpec, parts=(dict[str, str], {}))
    later = create_model(
        "LaterSpec",
        __base__=SyncSpec,
        target=(target, ...),
        source=(source, source()),
        datasets=(tuple[dataset, ...], ...),
    )
    spec = SyncSpec.from_json(LARGE)
    same = later.model_validate(spec.as_manifest())
    other = later.model_validate(
        {**spec.as_manifest(), "target": {**LARGE["target"], "geometry": "Text"}}
    )

    assert fingerprint(same) == fingerprint(spec)
    assert fingerprint_of_version_0(same) == fingerprint_of_version_0(spec)
    assert fingerprint(other) != fingerprint(spec)


def kind(resource: Resource) -> Kind:
    return decide(resource, [], at("2026-11-23T08:00"), Capacity()).kind


def test_an_upgrade_from_fingerprints_without_a_version_starts_no_run(
    resource: MakeResource,
) -> None:
    new = resource()
    assert new.spec is not None
    status = {
        "loadedSpecHash": fingerprint_of_version_0(new.spec),
        "slotsSettledThrough": "2026-11-23T07:00:00Z",
        "observedSchedule": "0 7 * * * Etc/UTC",
    }

    assert kind(resource(status=status)) is Kind.WAIT
    assert kind(resource(status=status, mode="full")) is Kind.START
    assert kind(resource(status={**status, "loadedSpecHash": "0-of-nobody"})) is Kind.START


def test_what_is_loaded_is_known_by_either_form() -> None:
    spec = SyncSpec.from_json(LARGE)

    assert is_loaded(spec, fingerprint(spec))
    assert is_loaded(spec, fingerprint_of_version_0(spec))
    assert not is_loaded(spec, "1-0000000000000000")


def test_whom_it_follows_is_a_part_of_what_is_loaded_and_of_no_older_fingerprint() -> None:
    spec = SyncSpec.from_json(SPEC)
    follows = SyncSpec.from_json({**SPEC, "follow": {"name": "MyLA311 Cases {year}"}})
    adopts = SyncSpec.from_json(
        {**SPEC, "follow": {"name": "MyLA311 Cases {year}", "adopt": "Automatic"}}
    )

    assert len({fingerprint(each) for each in (spec, follows, adopts)}) == 3
    assert fingerprint_of_version_0(follows) == fingerprint_of_version_0(spec)
