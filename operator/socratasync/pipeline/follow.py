"""The run's part in following: the manifest becomes what it has come to mean, and what was found is told.

Looking has patience of its own: the rows of a whole night do not wait for a catalogue.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace

from socratasync.api.selection import EVERYTHING
from socratasync.api.spec import SyncSpec
from socratasync.contract.report import DatasetReport
from socratasync.contract.successors import Successor
from socratasync.errors import SyncError
from socratasync.pipeline.plan.following import Followed, follow, plan_followed
from socratasync.pipeline.plan.planner import Plans
from socratasync.pipeline.plan.standing_still import find_onward, newest_if_still
from socratasync.pipeline.request import RunContext
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.target import adoptions
from socratasync.pipeline.target.migrations import bookkeeping_exists

_ATTEMPTS = 2
_FIRST_BYTE_S, _ANSWER_S = 30.0, 60.0
_NOT_YET = "its rows have not come in yet"


def followed(context: RunContext, plan: Callable[[RunContext], Plans]) -> tuple[RunContext, Plans]:
    """The run with the manifest as it has come to be meant, and its plans. A one-off run means what was selected."""
    if context.request.selection != EVERYTHING:
        return context, plan(context)
    with closing(_onlooker(context)) as source:
        found, plans = plan_followed(
            _follow(context, source), lambda spec: plan(_meant(context, spec))
        )
        whole = replace(_meant(context, found.spec), followed=found)
        _tell(whole)
        _tell_onward(whole, source, plans)
    return whole, plans


def _onlooker(context: RunContext) -> Source:
    """The domain, for questions that a run can do without."""
    request, options = context.request, context.options
    timeouts = options.timeouts or Timeouts.of(request.spec.source.timeouts)
    return Source(
        request.spec.domain,
        api=request.spec.source.api,
        app_token=request.secrets.app_token,
        credentials=request.secrets.credentials,
        policy=options.policy.within(_ATTEMPTS),
        timeouts=replace(
            timeouts,
            first_byte=min(timeouts.first_byte, _FIRST_BYTE_S),
            answer=min(timeouts.answer, _ANSWER_S),
        ),
        stopping=options.stopping,
    )


def _follow(context: RunContext, source: Source) -> Followed:
    request, connection = context.request, context.connection
    known = adoptions.read(connection, request.target) if bookkeeping_exists(connection) else ()
    return follow(request.spec, source, known, resets=request.resets)


def _meant(context: RunContext, spec: SyncSpec) -> RunContext:
    return replace(context, request=replace(context.request, spec=spec))


def _tell(context: RunContext) -> None:
    """Note what was found, before anything comes of it."""
    found = context.followed
    for warning in found.warnings:
        context.journal.warn(warning)
    if found.successors is not None:
        context.journal.report.successors = [_until_loaded(e, found) for e in found.successors]


def _until_loaded(successor: Successor, found: Followed) -> Successor:
    return replace(successor, reason=_NOT_YET) if successor.id in found.adopting else successor


def _tell_onward(context: RunContext, source: Source, plans: Plans) -> None:
    """Note where the portal goes on, if it stands still."""
    last = newest_if_still(context.request.spec, plans.plans.values(), context.options.clock())
    told = context.journal.report.successors
    if last is None or told is None:
        return
    known = {each.id for each in told}
    found = find_onward(context.request.spec, source, last)
    told.extend(each for each in found if each.id not in known)


def forget_pinned(context: RunContext) -> None:
    """Datasets that the manifest names now are adopted no more."""
    if context.followed.pinned:
        adoptions.forget(context.connection, context.request.target, context.followed.pinned)


def tell_adopted(context: RunContext, outcomes: Mapping[str, object]) -> None:
    """Note which of the datasets that were to be adopted have been, and why others have not. The bookkeeping knows it
    from the merge; not of one that the table held already, for nothing was merged then."""
    report, adopting = context.journal.report, context.followed.adopting
    for dataset, adoption in adopting.items():
        if isinstance(outcomes.get(dataset), DatasetReport):
            request = context.request
            adoptions.record(context.connection, request.target, request.run, adoption)
    if report.successors is None:
        return
    report.successors = [
        _after(each, outcomes.get(each.id)) if each.id in adopting else each
        for each in report.successors
    ]


def _after(successor: Successor, outcome: object) -> Successor:
    if isinstance(outcome, DatasetReport):
        return replace(successor, adopted=True, reason=None)
    if isinstance(outcome, SyncError):
        return replace(successor, reason=f"it could not be loaded: {outcome.message}")
    return successor
