"""Looks at the portal's catalogue for the datasets that follow those of the manifest; reads only.

It costs one question to the catalogue per run, and none of a run's datasets waits for another. What goes wrong here is
a warning: a year's data must not fail to come for a catalogue that is down.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeVar

from socratasync.api.spec import SyncSpec
from socratasync.contract.successors import Successor
from socratasync.errors import SyncError
from socratasync.pipeline.plan.successors import (
    Compared,
    Sifted,
    choose,
    compare,
    newest,
    of_same_owner,
    sift,
    words,
)
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.target.adoptions import Adoption

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """``spec``: what is to be carried out, with what was adopted before and what is adopted now. ``adopting``: dataset
    id → what is adopted now, if its rows come in. ``successors``: what is to be told, None where nobody could look.
    ``pinned``: what was adopted and is named by the manifest now."""

    spec: SyncSpec
    adopting: Mapping[str, Adoption] = field(default_factory=dict)
    successors: tuple[Successor, ...] | None = ()
    pinned: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def without_new(self, why: Mapping[str, SyncError]) -> Followed:
        """The same, but nothing is adopted now: ``why`` says for each dataset what stands against it."""
        kept = tuple(each for each in self.spec.datasets if each.id not in self.adopting)
        told = tuple(
            replace(each, reason=why[each.id].message) if each.id in why else each
            for each in self.successors or ()
        )
        spec = self.spec.model_copy(update={"datasets": kept})
        return replace(self, spec=spec, adopting={}, successors=told)


def follow(
    spec: SyncSpec, source: Source, adopted: Sequence[Adoption], *, resets: bool
) -> Followed:
    """What the manifest has come to mean, given what was ``adopted`` before and what the portal has now. Never raises
    for the portal. ``resets``: the run removes what it does not load."""
    named = {dataset.id for dataset in spec.datasets}
    pinned = tuple(each.dataset.id for each in adopted if each.dataset.id in named)
    ours = [each for each in adopted if each.dataset.id not in named]
    whole = spec.with_adopted(each.dataset for each in ours)
    followed = Followed(
        spec=whole,
        successors=_told(ours) if spec.adopts else (),
        pinned=pinned,
        warnings=() if spec.adopts else _not_read(ours, resets=resets),
    )
    if spec.follow is None:
        return followed
    try:
        found = look(whole, source, spec.follow.name)
    except SyncError as exc:
        sentence = f"nobody could look for datasets that follow: {exc.message}; the next run does"
        return replace(followed, successors=None, warnings=(*followed.warnings, sentence))
    return _with(followed, found, taken=[each.dataset.id for each in ours])


class Planned(Protocol):
    """Plans: dataset id → what is to be done, or the error that stands in its place."""

    @property
    def plans(self) -> Mapping[str, object]:
        """In the order of the manifest."""


P = TypeVar("P", bound=Planned)


def plan_followed(followed: Followed, plan: Callable[[SyncSpec], P]) -> tuple[Followed, P]:
    """The plans of what is to be carried out. A dataset that would be adopted and cannot be planned is proposed
    instead, and costs no more than a second planning."""
    plans = plan(followed.spec)
    refused = {d: p for d in followed.adopting if isinstance(p := plans.plans.get(d), SyncError)}
    if not refused:
        return followed, plans
    without = followed.without_new(refused)
    return without, plan(without.spec)


def look(spec: SyncSpec, source: Source, pattern: str) -> list[Compared]:
    """The datasets of the portal that follow those of the spec by the pattern, the earliest year first. Raises
    ``SyncError`` where the catalogue does not answer, or a dataset does not say whether it has rows."""
    last = newest(spec.datasets)
    sifted = sift(source.search(words(pattern)), pattern, spec.datasets)
    if last is None or not sifted.newer:
        return []
    sifted = _with_last(source, sifted, last.id)
    known = sifted.in_use.get(last.id)
    return [
        compare(spec, last, known, year, entry)
        for year, entry in of_same_owner(sifted)
        if source.has_rows(entry.id, None)
    ]


def _with_last(source: Source, sifted: Sifted, last: str) -> Sifted:
    """With the newest dataset in use, where it has another name than those that follow: the one question more is
    asked once something follows."""
    if last in sifted.in_use:
        return sifted
    more = {entry.id: entry for entry in source.catalogue([last])}
    return replace(sifted, in_use={**sifted.in_use, **more})


def _with(followed: Followed, found: Sequence[Compared], taken: Sequence[str]) -> Followed:
    told, entry = choose(followed.spec, found, taken)
    successors = (*(followed.successors or ()), *told)
    if entry is None:
        return replace(followed, successors=successors)
    name = next(each.name for each in told if each.id == entry.id)
    log.info("%s (%s) follows, and is loaded from now on", entry.id, name)
    return replace(
        followed,
        spec=followed.spec.with_adopted([entry]),
        adopting={entry.id: Adoption(dataset=entry, name=name)},
        successors=successors,
    )


def _told(adopted: Sequence[Adoption]) -> tuple[Successor, ...]:
    return tuple(
        Successor(id=each.dataset.id, name=each.name, year=each.dataset.year, adopted=True)
        for each in adopted
    )


def _not_read(adopted: Sequence[Adoption], *, resets: bool) -> tuple[str, ...]:
    rows = "until this reset removes them" if resets else "and stay as they are"
    return tuple(
        f"dataset {each.dataset.id} ({each.name}) was adopted and is no longer read, since spec.follow does not say "
        f"Automatic; its rows are in the table {rows}. Name it in spec.datasets to have it read"
        for each in adopted
    )
