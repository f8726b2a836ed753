"""Tells others that data came in: the manifest's hooks, and people by way of Slack."""

from __future__ import annotations

from socratasync.contract.report import RunReport
from socratasync.errors import HookFailed, SyncError
from socratasync.pipeline.finish import hooks
from socratasync.pipeline.finish import slack as notify
from socratasync.pipeline.journal import Journal
from socratasync.pipeline.request import Order


def call_hooks(order: Order, report: RunReport, journal: Journal) -> SyncError | None:
    """Call every hook; returns the first failure of a required one."""
    failed: SyncError | None = None
    for number, hook in enumerate(order.spec.hooks):
        call = hooks.Hook(
            url=hook.url,
            method=hook.method,
            headers=order.hook_headers.get(number, {}),
            timeout_s=hook.timeout_seconds,
            required=hook.required,
        )
        try:
            hooks.call(call, report.as_dict())
        except HookFailed as exc:
            journal.warn(f"hook: {exc.message}")
            if hook.required:
                failed = failed or exc
    return failed


def tell_people(order: Order, report: RunReport, journal: Journal, *, failed_before: bool) -> None:
    """Write to Slack if the manifest wants it for this occasion. Never raises."""
    if not order.spec.notify or not order.slack_webhook:
        return
    what = notify.occasion(report, failed_before=failed_before)
    if not notify.is_wanted(what, order.spec.notify.on, changed=report.rows.changed > 0):
        return
    try:
        hooks.post_to_slack(order.slack_webhook, notify.slack_text(order.name, what, report))
    except HookFailed as exc:
        journal.warn(f"nobody was told: {exc.message}")
