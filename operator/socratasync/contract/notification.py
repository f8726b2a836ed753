"""A channel's address and what it is told, by environment: a notification's Job, written by the operator and read by
``socratasync notify``; and the addresses that ``socratasync run``, which has no operator, is given by hand.

An address is a secret: in a Job it is a reference that the kubelet resolves, and the run's own Job has none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from socratasync.api.notify import ChannelKind, NotifySpec
from socratasync.contract.news import News
from socratasync.contract.variables import LONGEST_VARIABLE
from socratasync.errors import InvalidSpec

NEWS: Final = "SOCRATASYNC_NEWS"
CHANNEL: Final = "SOCRATASYNC_CHANNEL"
ADDRESS: Final = "SOCRATASYNC_ADDRESS"
RUNBOOKS: Final = "SOCRATASYNC_RUNBOOKS"

_CHANNEL_OF_A_RUN = re.compile("SOCRATASYNC_NOTIFY_([0-9]{1,4})")
_ADDRESS = re.compile(r"https?://[^\s/?#\x00-\x20\x7f]+[^\s\x00-\x20\x7f]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message to one channel. ``runbooks``: the address below which the runbooks' pages are, if any."""

    news: News
    channel: ChannelKind
    address: str = field(repr=False)
    runbooks: str | None = None


def write_news_environment(
    news: News, channel: NotifySpec, runbooks: str | None = None
) -> list[dict[str, Any]]:
    """``env`` of the notification's container. The news is what ``News.for_channel`` left of it; sentences that
    are too long for a variable are cut."""
    plain = {
        NEWS: news.fitted(LONGEST_VARIABLE).to_json(),
        CHANNEL: channel.kind,
        RUNBOOKS: runbooks,
    }
    reference = {"name": channel.address.name, "key": channel.address.key}
    return [
        *({"name": name, "value": value} for name, value in plain.items() if value),
        {"name": ADDRESS, "valueFrom": {"secretKeyRef": reference}},
    ]


def read_notification(environ: Mapping[str, str]) -> Notification:
    """A notification's orders. Raises ``InvalidSpec`` with what is missing or wrong; the address is in no
    sentence."""
    missing = [name for name in (NEWS, CHANNEL) if not environ.get(name)]
    if missing:
        raise InvalidSpec(
            f"the environment lacks {', '.join(missing)}. The operator sets them in a notification's Job; "
            "a run by hand tells by itself: socratasync run -f FILE"
        )
    return Notification(
        news=News.from_json(environ[NEWS]),
        channel=_channel(environ[CHANNEL]),
        address=checked_address(environ.get(ADDRESS, "")),
        runbooks=environ.get(RUNBOOKS) or None,
    )


def _channel(text: str) -> ChannelKind:
    kinds: tuple[ChannelKind, ...] = get_args(ChannelKind)
    for kind in kinds:
        if text == kind:
            return kind
    raise InvalidSpec(f"{CHANNEL} must be one of {', '.join(kinds)}, not {text[:60]!r}")


def checked_address(text: str) -> str:
    """The address without the line's end that a secret made of a file has. Raises ``InvalidSpec``, which does not
    show it, for a text that is none."""
    if not (address := text.strip()):
        raise InvalidSpec(
            "the channel's address is empty: put all of it into the key that secretRef names"
        )
    if not _ADDRESS.fullmatch(address):
        raise InvalidSpec(
            "the channel's address is none: it must be one line that begins with https:// (or http://) "
            "and has no blanks; look for what was pasted along with it, and make the secret anew"
        )
    return address


def channel_variable(number: int) -> str:
    """Where ``socratasync run`` finds the address of ``spec.notify``'s entry, counted from 0."""
    return f"SOCRATASYNC_NOTIFY_{number}"


def read_channels(environ: Mapping[str, str]) -> dict[int, str]:
    """The addresses that a run by hand was given, by place; those set to nothing count as not given."""
    return {
        int(match[1]): value.strip()
        for name, value in environ.items()
        if (match := _CHANNEL_OF_A_RUN.fullmatch(name)) and value.strip()
    }
