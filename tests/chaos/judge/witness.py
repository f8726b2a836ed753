"""What others get to know of a run: the bookkeeping's row of it, and those whom hooks call."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.chaos.judge.look import Look
from tests.listener import Listener
from tests.postgres.conftest import Row, Sync

from socratasync.contract.news import News
from socratasync.contract.report import RunReport

TOKEN, QUERY = "t0ken-of-the-hook", "k3y-of-the-hook"
SECRETS = (TOKEN, QUERY)


@dataclass(slots=True)
class Witness:
    """Looks at what is told. ``listener``: None where nobody is to be told."""

    sync: Sync
    listener: Listener | None
    _owed: bool = False
    _heard: int = 0

    def __post_init__(self) -> None:
        self.sync.spec.pop("hooks", None)
        if self.listener:
            self.sync.spec["hooks"] = [
                {"url": f"{self.listener.url}/reset?key={QUERY}", "required": True},
                {"url": f"{self.listener.url}/reload", "method": "GET"},
            ]

    @property
    def words(self) -> dict[str, Any]:
        """What the run is told of secrets."""
        return {"hook_headers": {0: {"X-Token": TOKEN}}} if self.listener else {}

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
        assert json.loads(json.dumps(report.as_dict())) == row["report"]
        if wrote:
            assert row["changed"], f"{row} changed rows"

    def _is_told(self, report: RunReport, listener: Listener) -> None:
        calls = listener.calls[self._heard :]
        if report.ok and (report.rows.changed or self._owed):
            assert {call[1].partition("?")[0] for call in calls} == {"/reset", "/reload"}
        for _, path, headers, body in calls:
            if path.startswith("/reset"):
                assert headers["X-Token"] == TOKEN
                self._is_news_of(report, News.from_json(json.dumps(body)))
        if report.ok and not report.rows.changed and not self._owed:
            assert calls == []

    def _is_news_of(self, report: RunReport, news: News) -> None:
        """What a hook is told agrees with what the run reports in the end."""
        assert news.succeeded
        assert news.run
        assert news.run.job == report.run
        changed = {each.id: each for each in report.datasets if each.rows.changed or each.error}
        assert {each.id for each in news.datasets} == {*changed}
        for each in news.datasets:
            rows = changed[each.id].rows
            told = (each.inserted, each.updated, each.deleted)
            assert told == (rows.inserted, rows.updated, rows.deleted)

    def _no_secret_is_told(self, report: RunReport, row: Row | None) -> None:
        calls = self.listener.calls[self._heard :] if self.listener else []
        told = json.dumps([report.as_dict(), row and row["report"], [c[3] for c in calls]])
        leaked = [secret for secret in SECRETS if secret in told]
        assert not leaked, f"{leaked} in {told}"
