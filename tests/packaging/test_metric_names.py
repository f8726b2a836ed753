"""Alerts and dashboard ask for series that the operator has, under the labels that it gives them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from socratasync.api.status_words import Result
from socratasync.controller.metrics.series import Metrics
from socratasync.controller.status import condition_types as conditions

FILES = Path(__file__).parents[2] / "helm" / "socrata-sync" / "files"
GROUPING = re.compile(r"\b(?:by|on) \(([^)]*)\)")


def exported() -> set[str]:
    """Every series name that a scrape can bring."""
    names: set[str] = set()
    scrape = b"".join(Metrics(lambda: datetime.now(UTC)).scrape()).decode()
    for family in text_string_to_metric_families(scrape):
        ends = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
        names |= {family.name + end for end in ends.get(family.type, [""])}
    return names


def asked_for() -> Iterator[tuple[str, str]]:
    """(where, PromQL) of each alert and each panel."""
    for rule in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"][0]["rules"]:
        yield f"alert {rule['alert']}", rule["expr"]
    board: dict[str, Any] = json.loads((FILES / "dashboard.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            yield f"variable {variable['name']}", variable["definition"]


QUERIES = list(asked_for())


@pytest.mark.parametrize("query", [q for _, q in QUERIES], ids=[where for where, _ in QUERIES])
def test_a_query_names_only_what_the_operator_exports(query: str) -> None:
    names = set(re.findall(r"\bsocratasync_\w+", query))

    assert names
    assert names - exported() == set()


@pytest.mark.parametrize("query", [q for _, q in QUERIES], ids=[where for where, _ in QUERIES])
def test_a_query_names_only_conditions_results_and_labels_that_there_are(query: str) -> None:
    grouped = {g.strip() for found in GROUPING.findall(query) for g in found.split(",")}
    results = {r for found in re.findall(r'result=~"([^"]*)"', query) for r in found.split("|")}

    assert grouped <= set(
        "namespace name dataset op result stage state reason le job instance".split()
    )
    assert set(re.findall(r'type="(\w+)"', query)) <= set(conditions.ORDER)
    assert set(re.findall(r'status="(\w+)"', query)) <= {"True", "False", "Unknown"}
    assert results <= set(Result)


def test_every_exported_series_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported()}

    assert {name for name in families if f"`{name}`" not in page} == set()
