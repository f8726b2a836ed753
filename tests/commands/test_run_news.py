"""``socratasync run`` tells people by itself, once, at its end; ``socratasync notify`` what its Job orders."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.commands.conftest import PARKS, Command, Finished, Manifest
from tests.listener import Listener
from tests.news_samples import news, trouble

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal
from socratasync.api.notify import NotifySpec
from socratasync.contract.news import News
from socratasync.contract.notification import write_news_environment

SECRET = "0penSesame-7f3a"


class Told:
    """A manifest that tells Slack and a webhook, run by hand."""

    def __init__(self, command: Command, manifest: Manifest, dsn: str, listener: Listener) -> None:
        self.command, self.manifest, self.listener = command, manifest, listener
        self.given = {
            "SOCRATASYNC_DSN": dsn,
            "SOCRATASYNC_NOTIFY_0": f"{listener.url}/slack/{SECRET}",
            "SOCRATASYNC_NOTIFY_1": f"{listener.url}/webhook/{SECRET}",
        }
        self.notify: list[dict[str, Any]] = [
            {"slack": {"secretRef": {"name": "a"}}, "on": ["Failure", "Recovery", "Success"]},
            {"webhook": {"secretRef": {"name": "b"}}},
        ]

    def run(self, *arguments: str, **environ: str) -> Finished:
        """To its end; nothing that it prints has an address in it."""
        self.listener.calls.clear()
        file = self.manifest(notify=self.notify)
        ran = self.command("run", "-f", file, *arguments, **{**self.given, **environ})
        assert SECRET not in ran.stdout + ran.stderr
        assert SECRET not in json.dumps([body for _, _, _, body in self.listener.calls])
        return ran

    @property
    def texts(self) -> list[str]:
        """What Slack got."""
        calls = self.listener.calls
        return [body["text"] for _, path, _, body in calls if path.startswith("/slack/")]

    @property
    def news(self) -> list[News]:
        """What the webhook got."""
        calls = self.listener.calls
        return [
            News.from_json(json.dumps(body))
            for _, path, _, body in calls
            if path.startswith("/webhook/")
        ]


@pytest.fixture
def told(socratasync: Command, manifest: Manifest, dsn: str, listener: Listener) -> Told:
    """The parks, and two who are told."""
    return Told(socratasync, manifest, dsn, listener)


def test_people_are_told_of_a_success_a_failure_and_a_recovery_once_each(
    told: Told, portal: Portal, parks: Dataset
) -> None:
    assert told.run().returncode == 0
    (text,) = told.texts
    assert "city-parks: new data" in text
    assert "5 new, 0 changed, 0 deleted" in text
    assert told.news == []  # that channel did not ask for it

    portal.faults.add(Fault.status(503), times=None, on="metadata")
    assert told.run().returncode == 75
    (text,) = told.texts
    assert "city-parks: sync does not work" in text
    assert "Failure: SourceUnavailable, since " in text
    assert "SocrataSyncFailed.md|Runbook>" in text
    (failed,) = told.news
    assert [t.occasion for t in failed.begun] == ["Failure"]
    assert failed.run
    assert (failed.run.result, failed.namespace) == ("Failed", None)

    portal.faults.clear()
    parks.update(parks.find(name="p4"), acres=104)
    assert told.run().returncode == 0
    (text,) = told.texts
    assert "city-parks: sync works again" in text
    (well,) = told.news
    assert [(t.occasion, t.reason) for t in well.over] == [("Failure", "SourceUnavailable")]
    assert [(d.id, d.updated) for d in well.datasets] == [(PARKS, 1)]

    told.run()  # changes nothing, so it is no news
    assert (told.texts, told.news) == ([], [])


def test_columns_that_change_are_told_by_the_run_that_finds_it_and_by_no_other(
    told: Told, parks: Dataset
) -> None:
    told.run()
    parks.drop_column("acres")

    told.run()
    (first,) = told.news
    told.run()

    assert [t.occasion for t in first.begun] == ["SchemaChanged"]
    assert PARKS in first.begun[0].message
    assert told.news == []


def test_people_hear_of_a_database_that_is_away(told: Told) -> None:
    told.run(SOCRATASYNC_DSN="postgresql://x:hunter2@127.0.0.1:1/x")

    (text,) = told.texts
    assert "TargetUnavailable" in text
    assert "hunter2" not in text


def test_people_hear_of_a_run_that_could_not_begin(told: Told) -> None:
    ran = told.run(SOCRATASYNC_APP_TOKEN="to\nken")

    (text,) = told.texts
    assert ran.returncode == 77
    assert "InvalidAppToken" in text
    assert "*Run:*" not in text


def test_a_manifest_that_cannot_be_read_is_told_at_the_terminal_alone(told: Told) -> None:
    told.notify = [*told.notify, {}]

    assert told.run().returncode == 78
    assert told.listener.calls == []


def test_who_cannot_be_told_is_a_warning_that_does_not_show_the_address(told: Told) -> None:
    told.notify = [{**channel, "on": ["Success"]} for channel in [*told.notify, told.notify[0]]]

    ran = told.run(
        "-o",
        "json",
        SOCRATASYNC_NOTIFY_0=f"https://127.0.0.1:1/{SECRET}",
        SOCRATASYNC_NOTIFY_1=f"https://x.example/\n{SECRET}",
    )

    assert ran.returncode == 0
    assert [w.partition(";")[0] for w in json.loads(ran.stdout)["warnings"]] == [
        "notify[2] is not told, because SOCRATASYNC_NOTIFY_2 is not set",
        "notify[0]: nobody was told: calling Slack failed: Connection refused",
        "notify[1]: nobody was told: the channel's address is none: it must be one line that begins with "
        "https:// (or http://) and has no blanks",
    ]


def test_a_token_that_the_portal_echoes_is_in_no_message(told: Told, portal: Portal) -> None:
    portal.app_tokens.add("t0ken-of-the-portal")
    fault = Fault.bare_error(400)
    assert fault.refusal
    quoting = replace(fault.refusal, body=json.dumps({"message": "t0ken-of-the-portal is bad"}))
    portal.faults.add(replace(fault, refusal=quoting), times=99, on="rows")

    told.run(SOCRATASYNC_APP_TOKEN="t0ken-of-the-portal")

    assert "*** is bad" in told.texts[0]
    assert "t0ken" not in json.dumps([body for _, _, _, body in told.listener.calls])


# -- socratasync notify ----------------------------------------------------------------------------


def test_a_notifications_job_tells_its_channel(socratasync: Command, listener: Listener) -> None:
    words = socratasync.folder / "termination-log"
    sent = news(begun=(trouble(message="the portal said: $(SOCRATASYNC_ADDRESS)"),))
    channel = NotifySpec.model_validate({"webhook": {"secretRef": {"name": "pager"}}})
    given = write_news_environment(sent, channel, "https://wiki.example/runbooks")
    ran = socratasync(
        "notify",
        SOCRATASYNC_TERMINATION_LOG=str(words),
        **{each["name"]: each.get("value", f"{listener.url}/{SECRET}\n") for each in given},
    )

    assert (ran.returncode, ran.stdout) == (0, "")
    ((_, path, _, body),) = listener.calls
    assert path == f"/{SECRET}"
    assert News.from_json(json.dumps(body)) == sent
    assert words.read_text(encoding="utf-8") == "told webhook of la-311"
    assert SECRET not in ran.stderr


@pytest.mark.parametrize(("status", "code"), [(503, 75), (404, 78)])
def test_its_exit_code_says_whether_another_try_helps(
    socratasync: Command, listener: Listener, tmp_path: Path, status: int, code: int
) -> None:
    listener.status = status
    ran = socratasync(
        "notify",
        SOCRATASYNC_NEWS=news(begun=(trouble(),)).to_json(),
        SOCRATASYNC_CHANNEL="teams",
        SOCRATASYNC_ADDRESS=f"{listener.url}/{SECRET}",
        SOCRATASYNC_TERMINATION_LOG=str(tmp_path / "words"),
    )

    assert ran.returncode == code
    assert (tmp_path / "words").read_text(encoding="utf-8") == f"Teams answered HTTP {status}"


def test_it_loads_nothing_that_only_others_need(socratasync: Command) -> None:
    loaded = "import socratasync.notify.job, sys; print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", loaded],
        env=socratasync.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert not {"psycopg", "sodapy", "typer", "rich", "kopf", "kubernetes"} & {*ran.stdout.split()}


def test_without_orders_it_says_who_gives_them(socratasync: Command) -> None:
    ran = socratasync("notify")

    assert ran.returncode == 78
    assert "lacks SOCRATASYNC_NEWS, SOCRATASYNC_CHANNEL" in ran.stderr


def test_nobody_is_told_of_a_one_off_run_nor_by_it_that_all_is_well(
    told: Told, portal: Portal
) -> None:
    portal.faults.add(Fault.status(403), times=99)
    told.run()
    portal.faults.clear()

    told.run("--mode", "full", "--dataset", PARKS)
    assert told.listener.calls == []
    told.run("--year", "1999")
    assert told.listener.calls == []
    told.run()
    assert ["sync works again" in text for text in told.texts] == [True]
