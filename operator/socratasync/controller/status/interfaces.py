"""Which of Socrata's interfaces rows are read by, and whether the portal says that it ends. Pure.

A change-over loses nothing and asks for nobody, and a notice stops no run. So neither is a part of Ready: both are told
once, as events, and a notice stands as a condition for as long as the portal gives it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, get_args

from socratasync.api.dataset_status import DatasetStatus, SourceNotice
from socratasync.api.source import Interface
from socratasync.api.spec import SyncSpec
from socratasync.api.status import SyncStatus
from socratasync.contract.notices import MOST_NOTICES, dated
from socratasync.contract.report import listed
from socratasync.contract.report_text import NoticeTold, Report
from socratasync.controller.observed.resource import Resource
from socratasync.controller.status.condition_types import INTERFACE_SUPPORTED, Finding, finding

_OF_ROWS: Final[tuple[str, ...]] = get_args(Interface)
_BEFORE_IT_WAS_TOLD: Final[Interface] = "SODA2"
"""Releases that do not tell the interface read by no other."""
_NAMED = 10


@dataclass(frozen=True, slots=True)
class Change:
    """Datasets that are read by another interface than before, for the same reason as far as the run said any."""

    before: str
    now: str
    datasets: tuple[str, ...]
    why: str | None

    @property
    def sentence(self) -> str:
        """For people. ``why`` says which interface it is now, so it stands for that."""
        ids = listed(self.datasets, _NAMED)
        told = self.why or f"rows are read by {self.now} now, and were read by {self.before} before"
        return f"{told} (of {ids})"


def changes(old: SyncStatus, new: SyncStatus, report: Report | None) -> list[Change]:
    """The datasets that a run read by another interface than runs before it did. A dataset that was never read before
    has not changed, whatever happened within its first run."""
    known = {each.id: _known_interface(each) for each in old.datasets or ()}
    whys = {each.id: each.api_changed for each in report.datasets} if report else {}
    together: dict[tuple[str, str, str | None], list[str]] = {}
    for dataset in new.datasets or ():
        before = known.get(dataset.id)
        if before and dataset.api and dataset.api != before:
            together.setdefault((before, dataset.api, whys.get(dataset.id)), []).append(dataset.id)
    return [Change(before, now, tuple(ids), why) for (before, now, why), ids in together.items()]


def _known_interface(dataset: DatasetStatus) -> str | None:
    return dataset.api or (_BEFORE_IT_WAS_TOLD if dataset.last_synced_since else None)


def next_notices(
    known: Sequence[SourceNotice], datasets: Sequence[DatasetStatus], report: Report, at: datetime
) -> tuple[SourceNotice, ...]:
    """``status.sourceNotices`` after a run that ended ``at``. ``datasets`` are those of the new status.

    A notice goes when a run has asked that interface and was not given it, or when nothing is read by the interface any
    more. A run that asked nobody, or does not tell of notices, leaves them.
    """
    if report.notices is None:
        return tuple(known)
    in_use = {each.api for each in datasets if each.api}
    asked = {each.api for each in report.datasets if each.api}
    since = {_said(each): each.since for each in known}
    told = [_noted(each, since.get(_said(each)) or at) for each in report.notices]
    new = {_said(each) for each in told}
    kept = [k for k in known if _said(k) not in new and not _concerns(k.interface, asked)]
    still = [each for each in (*told, *kept) if not in_use or _concerns(each.interface, in_use)]
    return tuple(still[:MOST_NOTICES])


def _concerns(interface: str, interfaces: Collection[str]) -> bool:
    """Whether a notice of that interface is about one of these. One of another kind, such as that of the metadata, is
    about every run that asks."""
    return interface in interfaces or (interface not in _OF_ROWS and bool(interfaces))


def _said(notice: SourceNotice | NoticeTold) -> tuple[str, str, datetime | None]:
    return notice.interface, notice.text, notice.date


def _noted(notice: NoticeTold, since: datetime) -> SourceNotice:
    return SourceNotice(interface=notice.interface, text=notice.text, date=notice.date, since=since)


def new_notices(old: SyncStatus, new: SyncStatus) -> list[SourceNotice]:
    """Those that the portal gives for the first time, or with another date."""
    before = {_said(each) for each in old.source_notices or ()}
    return [each for each in new.source_notices or () if _said(each) not in before]


def interface_supported(resource: Resource, status: SyncStatus) -> Finding:
    """Whether the portal goes on to offer what rows are read by, as far as it says. Unknown until a run has asked."""
    notices = status.source_notices or ()
    if notices:
        ending = dict.fromkeys(each.interface for each in notices)
        said = ". Also, ".join(_sentence(resource.spec, each, notices) for each in ending)
        return finding(INTERFACE_SUPPORTED, "False", "Deprecated", said)
    interfaces = sorted({each.api for each in status.datasets or () if each.api})
    if interfaces:
        message = (
            f"rows are read by {' and '.join(interfaces)}, and the portal does not say that it ends"
        )
        return finding(INTERFACE_SUPPORTED, "True", "Supported", message)
    message = "no run has told yet which interface rows are read by"
    return finding(INTERFACE_SUPPORTED, "Unknown", "NotKnown", message)


def _sentence(spec: SyncSpec | None, interface: str, notices: Sequence[SourceNotice]) -> str:
    """What the portal says of the interface, with its dates, and what happens then."""
    said = "; ".join(dated(each.text, each.date) for each in notices if each.interface == interface)
    then = f". {_what_happens(spec, interface)}" if spec else ""
    return f"the portal says of {interface}: {said}{then}"


def _what_happens(spec: SyncSpec, interface: str) -> str:
    if interface != "SODA2":
        return "Look for a release of Socrata Sync that reads by what comes after it"
    if spec.source.api == "SODA2":
        return "spec.source.api is SODA2, so runs fail once it ends: set it to Auto"
    goes_over = "Once it ends, runs go over to SODA3 by themselves"
    if spec.source.app_token_secret_ref:
        return goes_over
    return f"{goes_over}; that may want an app token, so name one in spec.source.appTokenSecretRef"
