"""What a run by hand tells people: there is no operator that does. A run by hand is tried once, so what it tells is
told once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from socratasync.api.spec import SyncSpec
from socratasync.contract.news import News
from socratasync.contract.notification import RUNBOOKS, Notification, checked_address
from socratasync.errors import SyncError
from socratasync.notify.by_hand import Past
from socratasync.notify.channel import tell
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.migrations import bookkeeping_exists

log = logging.getLogger(__name__)

_PAST = 50
"""How many runs are looked at to find out since when something is wrong."""


def past_runs(dsn: str, target: str, run: str) -> list[Past]:
    """The runs of the target before this one that ended, newest first, one-off runs aside; none where they cannot be
    read."""
    try:
        with Connections(dsn).connect(read_only=True, loads=False) as connection:
            if not bookkeeping_exists(connection):
                return []
            found = Ledger(connection, target, run).past_runs(_PAST)
    except SyncError as exc:
        log.debug("past runs cannot be read: %s", exc.message)
        return []
    return [
        Past(each.finished_at, each.report)
        for each in found
        if each.run != run and each.finished_at and each.report and not each.report.get("only")
    ]


def tell_people(
    news: News, spec: SyncSpec, environ: Mapping[str, str], channels: Mapping[int, str]
) -> list[str]:
    """Tell each channel that asked for it and has an address. Warnings: who was not told."""
    warnings = []
    for number, channel in enumerate(spec.notify):
        told = news.for_channel(channel.on)
        if told is None or number not in channels:
            continue
        try:
            tell(
                Notification(
                    news=told,
                    channel=channel.kind,
                    address=checked_address(channels[number]),
                    runbooks=environ.get(RUNBOOKS) or None,
                )
            )
        except SyncError as exc:
            warnings.append(f"notify[{number}]: nobody was told: {exc.message}")
    return warnings
