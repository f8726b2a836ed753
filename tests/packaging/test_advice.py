"""What a message tells a person to do starts a run when it is done: every reason, every field that a message names."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.controller.cluster_model import ClusterModel, minutes, operator_of

from socratasync import errors
from socratasync.controller.cluster.errors import Refused
from socratasync.controller.observed.memory import find
from socratasync.controller.observed.resource import Key, read_resource
from socratasync.controller.status.advice import how_to_run_again

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "operator" / "socratasync"
NOW = datetime(2026, 11, 23, 7, tzinfo=UTC)
TARGET = {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]}
SPEC: dict[str, Any] = {
    "domain": "data.lacity.org",
    "datasets": [{"id": "rq3b-xjk8", "year": 2020}],
    "target": TARGET,
}
DATASET: dict[str, Any] = SPEC["datasets"][0]

CA_BUNDLE = {"name": "SSL_CERT_FILE", "value": "/etc/ca/bundle.pem"}

EDITS: dict[str, dict[str, Any]] = {
    "datasets[].columns": {"datasets": [{**DATASET, "columns": {"a": "b"}}]},
    "datasets[].frozenColumns": {"datasets": [{**DATASET, "frozenColumns": ["a"]}]},
    "datasets[].where": {"datasets": [{**DATASET, "where": "a = 1"}]},
    "spec.datasets": {"datasets": [{**DATASET, "id": "pvft-t768"}]},
    "spec.domain": {"domain": "data.cityofnewyork.us"},
    "spec.follow": {"follow": {"name": "Cases {year}"}, "datasets": [{**DATASET, "year": 2020}]},
    "spec.follow.adopt": {
        "follow": {"name": "Cases {year}", "adopt": "Automatic"},
        "datasets": [{**DATASET, "year": 2020}],
    },
    "spec.freshness.maxLag": {"freshness": {"maxLag": "2d"}},
    "spec.freshness.sourceMaxAge": {"freshness": {"sourceMaxAge": "30d"}},
    "spec.job.activeDeadlineSeconds": {"job": {"activeDeadlineSeconds": 90_000}},
    "spec.job.backoffLimit": {"job": {"backoffLimit": 9}},
    "spec.job.podTemplate": {"job": {"podTemplate": {"labels": {"team": "data"}}}},
    "spec.job.podTemplate.env": {"job": {"podTemplate": {"env": [CA_BUNDLE]}}},
    "spec.job.resources.limits.memory": {"job": {"resources": {"limits": {"memory": "1Gi"}}}},
    "spec.job.startDeadlineSeconds": {"job": {"startDeadlineSeconds": 900}},
    "spec.mode": {"mode": "full"},
    "spec.parallelism": {"parallelism": 1},
    "spec.refresh.materializedViews": {"refresh": {"materializedViews": ["v"]}},
    "spec.refresh.sql": {"refresh": {"sql": "SELECT 1"}},
    "spec.refresh.sqlConfigMapRef": {
        "refresh": {"sqlConfigMapRef": {"name": "app", "key": "after.sql"}}
    },
    "spec.refresh.vacuum": {"refresh": {"vacuum": "None"}},
    "spec.schedule": {"schedule": "0 7 * * *"},
    "spec.source.api": {"source": {"api": "SODA3"}},
    "spec.source.appTokenSecretRef": {"source": {"appTokenSecretRef": {"name": "socrata-token"}}},
    "spec.source.timeZone": {"source": {"timeZone": "America/Los_Angeles"}},
    "spec.source.computedRegions": {"source": {"computedRegions": True}},
    "spec.source.timeouts": {"source": {"timeouts": {"page": "1h"}}},
    "spec.source.watermark": {"source": {"watermark": "changed"}},
    "spec.startingDeadlineSeconds": {"startingDeadlineSeconds": 60},
    "spec.target.comments": {"target": {**TARGET, "comments": False}},
    "spec.target.fields": {"target": {**TARGET, "fields": {"srnumber": "text"}}},
    "spec.target.indexes": {"target": {**TARGET, "indexes": [{"columns": ["createddate"]}]}},
    "spec.target.geometry": {"target": {**TARGET, "geometry": "Text"}},
    "spec.target.key": {"target": {**TARGET, "key": ["srnumber", "createddate"]}},
    "spec.target.onBadValue": {"target": {**TARGET, "onBadValue": "Skip"}},
    "spec.target.onSchemaChange": {"target": {**TARGET, "onSchemaChange": "Ignore"}},
    "spec.target.provenance": {"target": {**TARGET, "provenance": False}},
    "spec.target.prune": {"target": {**TARGET, "prune": True}},
    "spec.target.reset": {"target": {**TARGET, "reset": True}},
    "spec.target.schema": {"target": {**TARGET, "schema": "open_data"}},
    "spec.target.types": {"target": {**TARGET, "types": {"srnumber": "text"}}},
    "spec.timeZone": {"timeZone": "America/Los_Angeles"},
    "spec.verify.rowCount": {"verify": {"rowCount": "Off"}},
    "spec.verify.tolerance": {"verify": {"tolerance": "1%"}},
    "spec.years": {"years": [2020], "datasets": [{**DATASET, "year": 2020}]},
}
"""Every field that a message names, with another value. Not ``suspend``: it has a test of its own."""

_FIELD = re.compile(r"(?:spec\.|datasets\[\]\.)[a-zA-Z]+(?:\[\])?(?:\.[a-zA-Z]+)*")


def fields_in_messages() -> Iterator[str]:
    """Fields that any text of the program names; docstrings are for programmers."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        aside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from () if id(node) in aside else _FIELD.findall(node.value)


def reasons_in_docs() -> Iterator[tuple[str, str]]:
    """Reason and exit code of each row of the page's table of runs that ended."""
    page = (ROOT / "docs" / "conditions.md").read_text()
    table = page.partition("## Reasons of a run that ended")[2].partition("\n## ")[0]
    for row in table.splitlines():
        if row.startswith("| `"):
            names, code = row.split("|")[1:3]
            yield from ((name, code.strip()) for name in re.findall(r"`(\w+)`", names))


GOOD = ("Succeeded", "NoChange")
NOT_FAILED = ("Cancelled", "Replaced")
REASONS = [each for each in reasons_in_docs() if each[0] not in (*GOOD, *NOT_FAILED)]


class World:
    """One SocrataSync and an operator that keeps nothing in memory between two looks."""

    def __init__(self, **spec: Any) -> None:
        self.cluster = ClusterModel(NOW, {**SPEC, **spec})

    def look(self) -> None:
        """Until the operator wants to wait."""
        for _ in range(10):
            try:
                operator_of(self.cluster).reconcile(self.cluster.key).send(None)
            except StopIteration as end:
                if end.value is None or end.value > self.cluster.now:
                    return
        raise AssertionError("it looks for ever")

    def running(self) -> str:
        """The name of the active Job."""
        (job,) = self.cluster.active_jobs()
        return str(job["metadata"]["name"])

    def ends(self, reason: str, code: str) -> None:
        """The active run ends for that reason, and the operator has seen it."""
        job = self.running()
        if reason == "ResultLost":
            self.cluster.remove(job)
        elif reason == "PodNotStarting":
            self.cluster.pod(job, at_work=False)
            self.look()
            self.cluster.now += minutes(10)
            self.look()
            self.cluster.remove(job)
        elif code.isdecimal():
            error = {"reason": reason, "message": "as it is"}
            self.cluster.end(job, ok=False, code=int(code), error=error)
        elif reason in ("BackoffLimitExceeded", "Failed"):
            self.cluster.end(job, ok=False, with_pod=False, reason=reason)
        else:
            fate = reason if reason not in ("WorkerFailed", "Disrupted") else "Error"
            self.cluster.end(job, ok=False, code=137, fate=fate)
        self.cluster.now += minutes(1) / 2
        self.look()

    @property
    def made(self) -> int:
        """How many Jobs were made so far."""
        return len(self.cluster.created)

    def spec_of_run(self) -> dict[str, Any]:
        """What the newest Job was told to do."""
        pod = self.cluster.created[-1]["spec"]["template"]["spec"]
        env = {each["name"]: each.get("value") for each in pod["containers"][0]["env"]}
        told: dict[str, Any] = json.loads(env["SOCRATASYNC_SPEC"])
        return told


def failed(reason: str, code: str) -> World:
    world = World()
    world.look()
    world.ends(reason, code)
    assert not world.cluster.active_jobs(), "it waits for a person, or for a retry"
    status = read_resource(world.cluster.body).status
    assert status.last_run is not None
    if reason not in ("Disrupted",):
        assert status.last_run.reason == reason
    return world


def advised(world: World) -> str:
    """The command that the condition Stalled shows; without one, that of the documentation."""
    stalled = find(read_resource(world.cluster.body).status, "Stalled")
    if stalled is None:
        return how_to_run_again(world.cluster.key)
    (command,) = re.findall(r"kubectl annotate .*? --overwrite", stalled.message)
    return str(command)


def annotated(world: World, command: str) -> None:
    """What the command does that a message shows."""
    words = shlex.split(command)
    assert words[:3] == ["kubectl", "annotate", "socratasync"]
    assert (words[3], words[5]) == (world.cluster.key.name, world.cluster.key.namespace)
    name, _, token = words[6].partition("=")
    assert words[7] == "--overwrite"
    world.cluster.annotate(name.removeprefix("socratasync.dev/"), token)


def test_every_failure_that_needs_a_person_is_among_those_that_are_walked() -> None:
    raised = {
        kind("").reason
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.SyncError)
        and kind.exit_code in errors.NEEDS_A_PERSON
        and not kind.__subclasses__()
    }

    assert raised <= {reason for reason, _ in REASONS}


@pytest.mark.parametrize(("reason", "code"), REASONS)
def test_whatever_a_run_failed_for_an_edit_and_a_request_each_start_another(
    reason: str, code: str
) -> None:
    edited, asked = failed(reason, code), failed(reason, code)

    before = edited.made
    edited.cluster.edit(parallelism=5)
    edited.look()
    assert edited.made == before + 1
    assert edited.spec_of_run()["parallelism"] == 5

    annotated(asked, advised(asked))
    asked.look()
    assert asked.made == before + 1


@pytest.mark.parametrize("reason_code", [("TargetMismatch", "78"), ("BadValue", "65")])
def test_a_run_that_needs_a_person_names_the_command_however_much_it_said(
    reason_code: tuple[str, str],
) -> None:
    reason, code = reason_code
    world = World()
    world.look()
    error = {"reason": reason, "message": "what it said. " * 300}
    world.cluster.end(world.running(), ok=False, code=int(code), error=error)
    world.look()

    stalled = find(read_resource(world.cluster.body).status, "Stalled")
    assert stalled is not None
    assert how_to_run_again(world.cluster.key) in stalled.message


def test_a_first_run_that_was_cancelled_is_followed_by_that_of_an_edit() -> None:
    world = World()
    world.look()
    job = world.running()
    world.cluster.pod(job, at_work=True)
    world.cluster.annotate("cancelAt", "now")
    world.look()
    world.cluster.remove(job)
    world.look()
    assert find(read_resource(world.cluster.body).status, "Stalled") is not None

    world.cluster.edit(parallelism=5)
    world.look()

    assert world.made == 2


def test_suspended_and_stalled_it_says_both_steps() -> None:
    world = failed("TargetMismatch", "78")
    world.cluster.edit(suspend=True)
    world.look()
    stalled = find(read_resource(world.cluster.body).status, "Stalled")
    assert stalled is not None
    assert "spec.suspend is true, so set it to false first. An edit" in stalled.message
    command = advised(world)

    world.cluster.edit(suspend=False)
    world.look()
    annotated(world, command)
    world.look()

    assert world.made == 2


def test_every_field_that_a_message_names_is_among_those_that_are_edited() -> None:
    named = {field.replace("spec.datasets[]", "datasets[]") for field in fields_in_messages()}

    assert named - EDITS.keys() == {"spec.suspend"}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_whichever_field_a_message_names_its_edit_starts_a_run_after_one_that_failed(
    edit: dict[str, Any],
) -> None:
    """With a code that no retry and no schedule would ever try again."""
    world = failed("TargetMismatch", "78")

    world.cluster.edit(**edit)
    world.look()

    assert world.made == 2


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS.keys())
def test_and_takes_the_place_of_one_that_does_not_start(edit: dict[str, Any]) -> None:
    world = World()
    world.look()
    first = world.running()
    world.cluster.pod(first, at_work=False)
    world.look()

    world.cluster.edit(**edit)
    world.look()
    assert "deletionTimestamp" in world.cluster.jobs[first]["metadata"]
    world.cluster.remove(first)
    world.look()

    assert world.made == 2
    status = read_resource(world.cluster.body).status
    assert status.last_run is not None
    assert status.last_run.reason == "Replaced"
    assert 'secret "db" not found' in (status.last_run.message or "")


@pytest.mark.parametrize("told", [{"verified": False}, {"schemaInSync": False}], ids=str)
@pytest.mark.parametrize(
    "field", ["spec.verify.tolerance", "spec.target.key", "datasets[].frozenColumns"]
)
def test_what_helps_against_wrong_counts_or_columns_starts_a_run_after_a_good_one(
    told: dict[str, bool], field: str
) -> None:
    world = World()
    world.look()
    world.cluster.end(world.running(), ok=True, datasets=[{"id": "rq3b-xjk8", **told}])
    world.look()
    assert world.made == 1

    world.cluster.edit(**EDITS[field])
    world.look()

    assert world.made == 2


def test_a_job_that_is_refused_is_tried_again_with_the_corrected_spec() -> None:
    world = World(schedule="0 8 * * *")
    world.cluster.refuses_jobs = "exceeded quota"
    with pytest.raises(Refused):
        world.look()
    ready = find(read_resource(world.cluster.body).status, "Ready")
    assert ready is not None
    assert (ready.reason, world.made) == ("JobRefused", 0)

    world.cluster.edit(**EDITS["spec.job.resources.limits.memory"])
    world.cluster.refuses_jobs = ""
    world.look()

    assert world.made == 1


def test_a_spec_that_is_corrected_is_run() -> None:
    world = World(domain="no domain")
    world.look()
    assert world.made == 0

    world.cluster.edit(domain="data.lacity.org")
    world.look()

    assert world.made == 1


def test_a_resumed_resource_runs_what_is_asked_for_then() -> None:
    """As the event says: set spec.suspend to false and ask again."""
    world = failed("TargetMismatch", "78")
    world.cluster.edit(suspend=True)
    world.cluster.annotate("requestedAt", "too soon")
    world.look()
    world.cluster.edit(suspend=False)
    world.look()
    assert world.made == 1, "a resume makes up for nothing"

    annotated(world, how_to_run_again(world.cluster.key))
    world.look()

    assert world.made == 2


def test_what_was_repaired_while_suspended_is_run_when_it_is_resumed() -> None:
    world = failed("TargetMismatch", "78")
    world.cluster.edit(suspend=True, **EDITS["spec.job.resources.limits.memory"])
    world.look()
    assert world.made == 1

    world.cluster.edit(suspend=False)
    world.look()

    assert world.made == 2


def test_the_command_names_the_resource() -> None:
    assert how_to_run_again(Key("data", "la-311")) == (
        "kubectl annotate socratasync la-311 -n data "
        'socratasync.dev/requestedAt="$(date +%s)" --overwrite'
    )
