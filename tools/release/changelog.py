"""CHANGELOG.md as a release needs it: the notes of one version, and its changes one by one.

The format is Keep a Changelog's; nothing else in the repository says what changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
UNRELEASED = "Unreleased"
_HEADING = re.compile(r"^## \[(?P<name>[^\]]+)\](?: - (?P<date>\d{4}-\d{2}-\d{2}))?$", re.MULTILINE)
_GROUP = re.compile(r"^### (.+)$", re.MULTILINE)
_ITEM = re.compile(r"^- (.+(?:\n  .+)*)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What changed in a version. ``date``: when it was released, empty if it was not."""

    name: str
    date: str
    body: str

    def changes(self) -> Iterator[tuple[str, str]]:
        """(kind, sentence) of each change, in their order. Raises ``ValueError`` for an unknown kind."""
        _, *parts = _GROUP.split(self.body)
        for kind, text in zip(parts[::2], parts[1::2], strict=True):
            if kind not in KINDS:
                raise ValueError(
                    f"CHANGELOG.md, {self.name}: {kind!r} is none of {', '.join(KINDS)}"
                )
            for item in _ITEM.findall(text):
                yield kind, " ".join(item.split())


def sections(text: str) -> dict[str, Section]:
    """The sections of a changelog by name, newest first."""
    found = list(_HEADING.finditer(text))
    ends = [each.start() for each in found[1:]] + [len(text)]
    return {
        each["name"]: Section(
            name=each["name"], date=each["date"] or "", body=text[each.end() : end].strip()
        )
        for each, end in zip(found, ends, strict=True)
    }


def section_for(text: str, version: str) -> Section:
    """The version's section; before it has one, what is not released yet. Raises ``KeyError`` without either."""
    found = sections(text)
    return found.get(version) or found[UNRELEASED]


def released(text: str, version: str, date: str) -> str:
    """The changelog in which all that was not released yet is that version's, of that day.

    Raises ``ValueError`` if the version has a section already, or nothing has changed.
    """
    known = sections(text)
    if version in known:
        raise ValueError(f"CHANGELOG.md has a section for {version} already")
    if UNRELEASED not in known or not known[UNRELEASED].body:
        raise ValueError("CHANGELOG.md says of nothing under [Unreleased] that it changed")
    head = f"## [{UNRELEASED}]"
    return text.replace(head, f"{head}\n\n## [{version}] - {date}", 1)
