"""Which columns a person may have meant by a name that a dataset does not have. Pure.

People copy what a portal shows, and that is a column's label: ``CaseID`` for ``service_request_id``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import SequenceMatcher

MOST = 3
ALIKE = 0.7
"""The least likeness, from 0 to 1 (``SequenceMatcher.ratio``): three letters in ten may be others."""


def nearest(wanted: str, labels: Mapping[str, str]) -> list[str]:
    """Names (of name → label) that are, or have a label, like ``wanted``, the most alike first. Case, blanks and
    underscores do not count."""
    likeness = {
        name: max(_likeness(wanted, name), _likeness(wanted, label))
        for name, label in labels.items()
    }
    alike = [name for name in labels if likeness[name] >= ALIKE]
    return sorted(alike, key=lambda name: -likeness[name])[:MOST]


def sentence(missing: Iterable[str], labels: Mapping[str, str]) -> str:
    """What is nearest to each name, for people, with a blank at its end; nothing if nothing is near."""
    return "".join(
        f"Nearest to {wanted}: {', '.join(_shown(name, labels[name]) for name in near)}. "
        for wanted in missing
        if (near := nearest(wanted, labels))
    )


def _shown(name: str, label: str) -> str:
    return f'{name} (the portal shows it as "{label}")' if label and label != name else name


def _likeness(one: str, other: str) -> float:
    a, b = _plain(one), _plain(other)
    return SequenceMatcher(None, a, b).ratio() if a else 0.0


def _plain(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
