"""What others get to know of a run: the bookkeeping's row of it, those whom hooks call, people."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.chaos.judge.look import Look
from tests.postgres.conftest import Row, Sync
from tests.postgres.listener import Listener

from socratasync.contract.report import RunReport

TOKEN, QUERY, WEBHOOK = "t0ken-of-the-hook", "k3y-of-the-hook", "w3bhook-of-the-people"
SECRETS = (TOKEN, QUERY, WEBHOOK)


@dataclass(slots=True)
class Witness:
    """Looks at what is told. ``listener``: None where nobody is to be told."""

    sync: Sync
    listener: Listener | None
    _owed: bool = False
    _heard: int = 0

    def __post_init__(self) -> None:
        for name in ("hooks", "notify"):
            self.sync.spec.pop(name, None)
        if self.listener:
            self.sync.spec["hooks"] = [
                {"url": f"{self.listener.url}/reset?key={QUERY}", "required": True},
                {"url": f"{self.listener.url}/reload", "method": "GET"},
            ]
            self.sync.spec["notify"] = {
                "slackWebhookSecretRef": {"name": "slack"},
                "on": ["Failure", "Recovery", "Success"],
            }

    @property
    def words(self) -> dict[str, Any]:
        """What the run is told of secrets."""
        if not self.listener:
            return {}
        webhook = f"{self.listener.url}/slack/{WEBHOOK}"
        return {"hook_headers": {0: {"X-Token": TOKEN}}, "slack_webhook": webhook}

    def answers(self, *, well: bool) -> None:
        """From now on whoever is called answers well, or not at all well."""
        if self.listener:
            self.listener.status = 200 if well else 500

    def begins(self, before: Look) -> None:
        """A run is about to begin."""
        self._owed = bool(before.untold)
        self._heard = len(self.listener.calls) if self.listener else 0

    def ends(self, report: RunReport, after: Look, *, wrote: bool) -> None:
        """The run has ended. ``wrote``: whether it changed the target; False where nobody can know."""
        row = after.runs.get(report.run)
        self._is_recorded(report, row, wrote=wrote)
        if report.exit_code == 0:
            assert not after.untold, f"{after.untold} changed rows that nobody was told of"
        if self.listener:
            self._is_told(report, self.listener)
        self._no_secret_is_told(report, row)

    def is_killed(self, run: str, told: dict[str, Any] | None, after: Look) -> None:
        """The run was killed at some moment, be it after it had told its report or just before that: its
        row does not say that it ended, or says how."""
        row = after.runs.get(run)
        if told is not None:
            assert row is not None, f"{told} is in no record"
            assert row["report"] == told
        if row and (row["finished_at"], row["ok"]) != (None, None):
            report = row["report"]
            assert (report["run"], report["ok"]) == (run, row["ok"]), f"{row} was killed"

    def _is_recorded(self, report: RunReport, row: Row | None, *, wrote: bool) -> None:
        if row is None:
            is_told = report.ok or wrote
            assert not is_told, f"{report.as_dict()} is in no record"
            return
        if report.terminated and row["finished_at"] is None:
            return  # stopped while it was at work: nothing more is written then
        assert (row["finished_at"] is not None, row["ok"]) == (True, report.ok)
        assert self._as_recorded(report) == row["report"]
        if wrote:
            assert row["changed"], f"{row} changed rows"

    def _as_recorded(self, report: RunReport) -> dict[str, Any]:
        """The report as it was before people were told, who may not have been there to listen."""
        told: dict[str, Any] = json.loads(json.dumps(report.as_dict()))
        told["warnings"] = [w for w in told["warnings"] if not w.startswith("nobody was told")]
        return told

    def _is_told(self, report: RunReport, listener: Listener) -> None:
        calls = listener.calls[self._heard :]
        texts = [call[3]["text"] for call in calls if call[1].startswith("/slack/")]
        hooks = [call for call in calls if not call[1].startswith("/slack/")]
        assert len(texts) <= 1, f"people were told {texts}"
        if report.ok and (report.rows.changed or self._owed):
            assert {call[1].partition("?")[0] for call in hooks} == {"/reset", "/reload"}
            assert all(c[2]["X-Token"] == TOKEN for c in hooks if c[1].startswith("/reset"))
        if report.ok and not report.rows.changed and not self._owed:
            assert hooks == []
        if not report.terminated and (report.rows.changed or not report.ok):
            assert len(texts) == 1, f"{report.as_dict()} told {texts}"

    def _no_secret_is_told(self, report: RunReport, row: Row | None) -> None:
        calls = self.listener.calls[self._heard :] if self.listener else []
        told = json.dumps([report.as_dict(), row and row["report"], [c[3] for c in calls]])
        leaked = [secret for secret in SECRETS if secret in told]
        assert not leaked, f"{leaked} in {told}"
