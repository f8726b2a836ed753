from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.api.bad_manifests import BAD, GOOD, Bad, changed

from socratasync.api.job import Resources
from socratasync.api.notify import TROUBLES
from socratasync.api.spec import Mode, SyncSpec
from socratasync.errors import InvalidSpec
from socratasync.pipeline.source.deadlines import Timeouts


def refusal(spec: object) -> list[str]:
    """The lines with which a spec is refused."""
    with pytest.raises(InvalidSpec) as refused:
        SyncSpec.from_json(json.dumps(spec))
    return refused.value.message.splitlines()


@pytest.mark.parametrize("bad", [pytest.param(bad, id=bad.title) for bad in BAD])
def test_what_is_wrong_is_named_by_its_path_in_a_sentence(bad: Bad) -> None:
    lines = refusal(changed(bad.changes))

    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{bad.path}: {bad.sentence}"), lines


def test_all_problems_are_told_at_once() -> None:
    lines = refusal(
        changed(
            {"domain": "https://x.org", "datasets/1/id": "?", "target/table": "a.b", "mod": "full"}
        )
    )

    assert [line.split(":")[0] for line in lines] == [
        "spec.domain",
        "spec.datasets[1].id",
        "spec.target.table",
        "spec.mod",
    ]


def test_a_block_that_breaks_several_rules_is_told_all_of_them() -> None:
    lines = refusal(
        changed({"target/prune": True, "target/reset": True, "target/provenance": False})
    )

    assert len(lines) == 2
    assert all(line.startswith("spec.target.prune: ") for line in lines)


def test_the_least_spec_has_the_defaults_that_were_promised() -> None:
    spec = SyncSpec.from_json(GOOD)

    assert spec.mode == "update"
    assert spec.time_zone == "Etc/UTC"
    assert (spec.schedule, spec.since, spec.freshness, spec.archive) == (None,) * 4
    assert (spec.successful_runs_history_limit, spec.failed_runs_history_limit) == (3, 1)
    assert (spec.parallelism, spec.jitter_seconds, spec.suspend) == (2, 0, False)
    assert (spec.source.page_size, spec.source.watermark) == (50_000, ":updated_at")
    assert spec.target.dsn_secret_ref is not None
    assert (spec.target.schema_, spec.target.dsn_secret_ref.key) == ("public", "dsn")
    assert (spec.target.provenance, spec.target.reset, spec.target.prune) == (True, False, False)
    assert spec.target.on_schema_change == "AddColumns"
    assert (spec.refresh.vacuum, spec.verify.row_count, spec.verify.tolerance) == (
        "Analyze",
        "Warn",
        0,
    )
    assert (spec.job.backoff_limit, spec.job.active_deadline_seconds) == (3, 21_600)
    assert spec.job.ttl_seconds_after_finished == 604_800
    assert spec.job.resources == Resources(requests=None, limits=None)


def test_null_means_that_a_field_was_not_given() -> None:
    spec = changed({"schedule": None, "verify": None, "datasets/0/where": None})

    assert SyncSpec.from_json(spec) == SyncSpec.from_json(GOOD)


def test_years_narrow_the_datasets() -> None:
    spec = SyncSpec.from_json(changed({"years": [2020]}))

    assert [d.id for d in spec.selected_datasets()] == ["rq3b-xjk8"]
    assert [d.id for d in SyncSpec.from_json(GOOD).selected_datasets()] == [
        "pvft-t768",
        "rq3b-xjk8",
    ]


def test_times_and_durations_are_read() -> None:
    spec = SyncSpec.from_json(
        changed({"since": "2024-01-01T00:00:00-08:00", "freshness": {"maxLag": "1d12h"}})
    )

    assert spec.since == datetime(2024, 1, 1, 8, tzinfo=UTC)
    assert spec.freshness
    assert spec.freshness.max_lag == timedelta(hours=36)


def test_time_outs_have_defaults_and_are_read_one_by_one() -> None:
    usual = SyncSpec.from_json(GOOD).source.timeouts
    longer = SyncSpec.from_json(changed({"source/timeouts/firstByte": "1h30m"})).source.timeouts

    assert Timeouts.of(usual) == Timeouts()
    assert Timeouts.of(longer) == replace(Timeouts(), first_byte=5400.0)


@given(st.integers(1, 86_400))
def test_a_time_out_is_read_as_it_was_written(seconds: int) -> None:
    spec = SyncSpec.from_json(changed({"source/timeouts/page": f"{seconds}s"}))

    assert spec.source.timeouts.page == timedelta(seconds=seconds)
    assert SyncSpec.from_json(spec.to_json()) == spec


@pytest.mark.parametrize(
    ("changes", "mode", "counts"),
    [
        ({}, "update", True),
        ({"verify": {"rowCount": "Fail"}}, "full", True),
        ({"verify": {"rowCount": "Off"}}, "full", False),
        ({"verify": {"rowCount": "Off"}, "target/prune": True}, "update", True),
        ({"verify": {"rowCount": "Off"}, "target/reset": True}, "update", False),
        ({"verify": {"rowCount": "Off"}, "target/reset": True}, "full", True),
    ],
)
def test_rows_are_counted_unless_nobody_wants_it_and_nothing_is_deleted_by_it(
    changes: dict[str, Any], mode: Mode, counts: bool
) -> None:
    assert SyncSpec.from_json(changed(changes)).counts_rows(mode) is counts


def test_a_spec_survives_being_written_as_json() -> None:
    spec = SyncSpec.from_json(
        changed(
            {
                "since": "2024-01-01T00:00:00.123456Z",
                "freshness": {"maxLag": "90m"},
                "verify": {"tolerance": "0.5%"},
                "target/fields": {"srnumber": "", "createddate": "timestamp with time zone"},
                "notify": [{"slack": {"secretRef": {"name": "slack"}}}],
                "job": {
                    "podTemplate": {"env": [{"name": "HTTPS_PROXY", "value": "http://p:3128"}]}
                },
            }
        )
    )

    assert SyncSpec.from_json(spec.to_json()) == spec


def test_the_spec_of_a_run_leaves_out_what_only_the_operator_needs() -> None:
    spec = changed({"notify": [{"teams": {"secretRef": {"name": "teams"}}}]})

    written = json.loads(SyncSpec.from_json(spec).to_json(for_worker=True))

    assert not {"job", "notify"} & set(written)
    assert written["target"]["table"] == "requests"
    assert SyncSpec.from_json(written) == SyncSpec.from_json(GOOD)


def test_what_yaml_makes_of_a_bare_on_means_on() -> None:
    spec = changed({"notify": [{"slack": {"secretRef": {"name": "s"}}, "true": ["Success"]}]})

    (channel,) = SyncSpec.from_json(spec).notify

    assert channel.on == ("Success",)


@pytest.mark.parametrize("kind", ["slack", "teams", "webhook"])
def test_a_channel_is_one_of_three_and_knows_its_address(kind: str) -> None:
    spec = changed({"notify": [{kind: {"secretRef": {"name": "s", "key": "k"}}}]})

    (channel,) = SyncSpec.from_json(spec).notify

    assert channel.kind == kind
    assert (channel.address.name, channel.address.key) == ("s", "k")
    assert "Success" not in channel.on
    assert set(channel.on) == {*TROUBLES, "Recovery"}


@pytest.mark.parametrize("text", ["{", "[]", '"text"', "null"])
def test_what_is_no_object_of_json_is_refused_as_such(text: str) -> None:
    with pytest.raises(InvalidSpec, match=r"^spec: "):
        SyncSpec.from_json(text)


def test_a_password_in_an_address_is_not_shown() -> None:
    (line,) = refusal(changed({"hooks": [{"url": "https://me:hunter2@app.example.org/"}]}))

    assert "hunter2" not in line
    assert "***@app.example.org" in line
