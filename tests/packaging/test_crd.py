"""The CRD in the repository is what the models say, and is what Kubernetes takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.api.bad_manifests import GOOD

from socratasync.api.crd import crd, crd_yaml
from socratasync.api.problems import without_nulls
from socratasync.api.spec import SyncSpec

Schema = dict[str, Any]

FILE = Path(__file__).parents[2] / "crds" / "socratasyncs.yaml"

VERSION = crd()["spec"]["versions"][0]
SCHEMA: Schema = VERSION["schema"]["openAPIV3Schema"]

COLUMNS = {
    "Domain": (".spec.domain", "string", 0),
    "Mode": (".spec.mode", "string", 0),
    "Schedule": (".spec.schedule", "string", 0),
    "Phase": (".status.phase", "string", 0),
    "Ready": ('.status.conditions[?(@.type=="Ready")].status', "string", 0),
    "Last Sync": (".status.lastSuccessfulTime", "date", 0),
    "Rows": (".status.rows.target", "integer", 0),
    "Since": (".status.lastSyncedSince", "string", 0),
    "Next": (".status.nextScheduleTime", "string", 1),
    "Duration": (".status.lastRun.duration", "string", 1),
    "Reason": ('.status.conditions[?(@.type=="Ready")].reason', "string", 1),
    "Message": ('.status.conditions[?(@.type=="Ready")].message', "string", 1),
    "Age": (".metadata.creationTimestamp", "date", 0),
}


def walk(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Every schema below ``schema``, with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from walk(inner, f"{path}.{name}")
    for word, sign in (("items", "[]"), ("additionalProperties", "{}")):
        if word in schema:
            yield from walk(schema[word], path + sign)


EVERYWHERE = list(walk(SCHEMA))


def with_defaults(schema: Schema, value: Any) -> Any:
    """``value`` as the API server stores it: defaults filled in from the outside inwards."""
    if isinstance(value, dict) and "properties" in schema:
        given = {
            name: inner["default"]
            for name, inner in schema["properties"].items()
            if "default" in inner
        } | value
        return {
            name: with_defaults(schema["properties"].get(name, {}), inner)
            for name, inner in given.items()
        }
    if isinstance(value, list):
        return [with_defaults(schema["items"], inner) for inner in value]
    return value


def test_the_file_is_what_the_models_say() -> None:
    assert FILE.read_text(encoding="utf-8") == crd_yaml(), (
        "run `socratasync crd > crds/socratasyncs.yaml`"
    )


def test_the_yaml_reads_back_to_the_same_object() -> None:
    assert yaml.safe_load(crd_yaml()) == crd()


def test_the_schema_is_structural() -> None:
    forbidden = {"$ref", "$defs", "anyOf", "allOf", "oneOf", "title"}

    assert [path for path, schema in EVERYWHERE if forbidden & set(schema)] == []
    assert [
        path
        for path, schema in EVERYWHERE
        if "type" not in schema and "x-kubernetes-int-or-string" not in schema
    ] == []


def test_only_where_null_could_be_meant_it_is_refused_instead_of_passed_over() -> None:
    assert {path for path, schema in EVERYWHERE if "nullable" in schema} == {
        path for path, schema in EVERYWHERE if "Null" in schema.get("enum", ())
    }


def test_every_field_is_described_in_sentences() -> None:
    fields = [(p, s) for p, s in EVERYWHERE if not p.endswith(("[]", "{}", ".metadata"))]

    assert len(fields) > 150
    assert [p for p, s in fields if not s.get("description", "").endswith(".")] == []


def test_everything_in_the_spec_is_bounded_so_that_rules_have_a_cost() -> None:
    spec = [(p, s) for p, s in EVERYWHERE if p.startswith(".spec")]

    assert [
        p for p, s in spec if s.get("type") == "string" and not {"maxLength", "enum"} & set(s)
    ] == []
    assert [p for p, s in spec if s.get("type") == "array" and "maxItems" not in s] == []
    assert [p for p, s in spec if "additionalProperties" in s and "maxProperties" not in s] == []


def test_every_list_says_how_it_is_merged() -> None:
    lists = {p: s["x-kubernetes-list-type"] for p, s in EVERYWHERE if s.get("type") == "array"}

    assert {p for p, kind in lists.items() if kind == "map"} == {
        ".spec.datasets",
        ".status.conditions",
        ".status.datasets",
        ".status.successors",
    }
    assert set(lists.values()) == {"map", "atomic"}


def test_every_rule_has_a_sentence_and_blames_a_field_that_exists() -> None:
    rules = [(p, s, rule) for p, s in EVERYWHERE for rule in s.get("x-kubernetes-validations", [])]

    assert len(rules) > 40
    assert [p for p, _, rule in rules if len(rule["message"].split()) < 4] == []
    assert [
        p
        for p, schema, rule in rules
        if rule.get("fieldPath", ".")[1:] not in ("", *schema.get("properties", ()))
    ] == []


def test_the_columns_are_those_that_were_promised() -> None:
    columns = {
        c["name"]: (c["jsonPath"], c["type"], c.get("priority", 0))
        for c in VERSION["additionalPrinterColumns"]
    }

    assert columns == COLUMNS


@pytest.mark.parametrize("path", [path for path, _, _ in COLUMNS.values() if "?" not in path])
def test_every_column_shows_a_field_that_exists(path: str) -> None:
    if path.startswith(".metadata"):
        return
    assert path in {place for place, _ in walk(SCHEMA)}


def test_a_status_is_written_apart_from_the_spec() -> None:
    assert VERSION["subresources"] == {"status": {}}


def test_names_are_those_that_were_promised() -> None:
    spec = crd()["spec"]

    assert spec["group"] == "socratasync.dev"
    assert spec["scope"] == "Namespaced"
    assert spec["names"]["plural"] == "socratasyncs"
    assert spec["names"]["shortNames"] == ["ssync"]
    assert spec["names"]["categories"] == ["socrata"]
    assert VERSION["name"] == "v1alpha1"


def test_the_api_servers_defaults_are_the_models() -> None:
    spec = {
        **GOOD,
        "source": {
            "appTokenSecretRef": {"name": "a"},
            "credentialsSecretRef": {"name": "a"},
        },
        "hooks": [{"url": "https://example.org/"}],
        "notify": [{"slack": {"secretRef": {"name": "a"}}}],
        "archive": {"persistentVolumeClaim": "a"},
    }

    stored = with_defaults(SCHEMA["properties"]["spec"], spec)

    assert SyncSpec.from_json(stored) == SyncSpec.from_json(spec)
    written = SyncSpec.from_json(spec).as_manifest()
    assert _without_empty(without_nulls(written)) == _without_empty(stored)


def _without_empty(value: Any) -> Any:
    """Without empty lists and mappings, which mean the same as none at all."""
    if isinstance(value, dict):
        cleaned = {name: _without_empty(inner) for name, inner in value.items()}
        return {name: inner for name, inner in cleaned.items() if inner not in ({}, [])}
    if isinstance(value, list):
        return [_without_empty(inner) for inner in value]
    return value


def test_no_name_of_the_schema_is_lost_between_python_and_the_manifest() -> None:
    paths = {path for path, _ in walk(SCHEMA["properties"]["spec"])}

    assert {".target.schema", ".target.dsnSecretRef.key", ".job.ttlSecondsAfterFinished"} <= paths
    assert not any("_" in path for path in paths)
