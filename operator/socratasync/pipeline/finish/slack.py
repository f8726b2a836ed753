"""People are told of a finished run, by way of Slack: of which ones, and in which words."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from socratasync.contract.report import RunReport
from socratasync.errors import HookFailed
from socratasync.pipeline.finish.http_call import HttpCall, send
from socratasync.pipeline.journal import Journal
from socratasync.pipeline.request import RunRequest

Occasion = Literal["Failure", "Recovery", "Success"]


def occasion(report: RunReport, *, failed_before: bool) -> Occasion:
    """What this run is to those who wait for news."""
    if not report.ok:
        return "Failure"
    return "Recovery" if failed_before else "Success"


def is_wanted(what: Occasion, wanted: Collection[str], *, changed: bool) -> bool:
    """Whether to tell of it. A recovery is a success, too; a success that changed nothing is no news."""
    if what == "Success":
        return changed and what in wanted
    return what in wanted or (what == "Recovery" and "Success" in wanted)


def slack_text(name: str, what: Occasion, report: RunReport) -> str:
    """One short message: what happened, how much, and what to do if it went wrong."""
    rows = report.rows
    counts = (
        f"{rows.inserted:,} new, {rows.updated:,} changed, {rows.deleted:,} deleted, "
        f"{rows.downloaded:,} read"
    )
    failure = report.failure
    if what == "Failure":
        reason = f"{failure.reason}: {_escaped(failure.message)}" if failure else "stopped"
        return f":red_circle: {name}: sync failed. {reason} ({counts}; run {report.run})"
    mark, word = (
        (":large_green_circle:", "works again")
        if what == "Recovery"
        else (":white_check_mark:", "synced")
    )
    warnings = f"; {len(report.warnings)} warnings" if report.warnings else ""
    return f"{mark} {name}: {word}. {counts}{warnings} (run {report.run})"


def _escaped(text: str) -> str:
    """Text that others wrote, such as Socrata's own sentence: it must not call everybody in the channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def slack_call(webhook: str, text: str) -> HttpCall:
    """A message to a Slack incoming webhook, whose address is a secret."""
    return HttpCall(
        method="POST",
        url=webhook,
        shown="the Slack webhook",
        written_in="the secret that notify.slackWebhookSecretRef names",
        body={"text": text},
        timeout_s=15,
    )


def tell_people(request: RunRequest, journal: Journal) -> None:
    """Write to Slack if the manifest wants it for this occasion. Never raises; nobody is told of a run
    that was stopped."""
    report = journal.report
    if report.terminated or not request.spec.notify or not request.secrets.slack_webhook:
        return
    what = occasion(report, failed_before=journal.follows_failure)
    if not is_wanted(what, request.spec.notify.on, changed=report.rows.changed > 0):
        return
    try:
        send(slack_call(request.secrets.slack_webhook, slack_text(request.name, what, report)))
    except HookFailed as exc:
        journal.warn(f"nobody was told: {exc.message}")
