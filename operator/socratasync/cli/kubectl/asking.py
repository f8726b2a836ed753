"""How the plugin asks for a run, and waits for it: by an annotation, which the operator answers in the status.

What the operator would refuse is refused here, before anything is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

import typer
from rich.text import Text

from socratasync.api.annotations import FULL
from socratasync.api.one_off import limited, mode_of
from socratasync.api.selection import EVERYTHING, Selection, select, write_request
from socratasync.api.spec import SyncSpec
from socratasync.cli import terminal
from socratasync.cli.kubectl import views
from socratasync.cli.kubectl.cluster import Cluster, ClusterFailure, Object
from socratasync.errors import InvalidRequest, SyncError
from socratasync.times import write_instant

FULL_ECHO = "lastHandledFullAt"
"""Where the status names the value of the annotation ``full`` that was acted on."""


def ask(
    cluster: Cluster, name: str, annotation: str, echo: str, what: str, *, wait: bool, timeout: int
) -> None:
    """Ask for a run of all that the spec says, and tell how it goes if that is waited for."""
    _runnable(cluster, name)
    asked = annotate(cluster, name, annotation)
    say(f"{name}: asked for a {what}")
    if wait:
        _wait(cluster, name, echo, asked, timeout)


def ask_one_off(
    cluster: Cluster, name: str, selection: Selection, *, wait: bool, timeout: int
) -> None:
    """The same of a run that is limited to the selection."""
    sync = _runnable(cluster, name)
    _check(sync, selection)
    asked = annotate(cluster, name, FULL, selection)
    say(f"{name}: asked for a one-off run, only {selection.text}")
    if wait:
        earlier = ((sync.get("status") or {}).get("lastOneOff") or {}).get("uid")
        _wait(cluster, name, FULL_ECHO, asked, timeout, partial(_one_off_since, earlier))


def _runnable(cluster: Cluster, name: str) -> Object:
    """The sync, if it takes requests."""
    sync = cluster.sync(name)
    if sync["spec"].get("suspend"):
        raise ClusterFailure(f"{name} is suspended; kubectl socratasync resume {name} comes first")
    return sync


def selected(
    years: Sequence[str],
    datasets: Sequence[str],
    since: str | None,
    until: str | None,
    *,
    reset: bool,
) -> Selection:
    """What the options select. Raises ``ClusterFailure``."""
    try:
        return select(years=years, datasets=datasets, since=since, until=until, reset=reset)
    except InvalidRequest as exc:
        raise ClusterFailure(exc.message) from exc


def _check(sync: Object, selection: Selection) -> None:
    """The operator would refuse the same, but only later, and by an event."""
    try:
        limited(SyncSpec.from_json(sync["spec"]), selection, mode_of(selection, "full"))
    except SyncError as exc:
        raise ClusterFailure(exc.message) from exc


def annotate(
    cluster: Cluster, name: str, annotation: str, selection: Selection = EVERYTHING
) -> str:
    """Set the annotation to a value that it never had: this moment, and what is selected."""
    token = write_instant(datetime.now(UTC), "milliseconds")
    try:
        value = write_request(token, selection)
    except InvalidRequest as exc:
        raise ClusterFailure(exc.message) from exc
    cluster.patch(name, {"metadata": {"annotations": {annotation: value}}})
    return value


def _last_run(status: Object) -> Object:
    found: Object = status.get("lastRun") or {}
    return found


def _one_off_since(earlier: str | None, status: Object) -> Object:
    """The one-off run that was asked for when the one of uid ``earlier`` was the last."""
    last: Object = status.get("lastOneOff") or {}
    if not last or last.get("uid") == earlier:
        raise ClusterFailure(
            "no one-off run came of it; kubectl describe shows an event RunRefused that says why"
        )
    return last


def _wait(
    cluster: Cluster,
    name: str,
    echo: str,
    asked: str,
    timeout: int,
    ended: Callable[[Object], Object] = _last_run,
) -> None:
    """Tell how the run goes, until it has ended. Exits 1 if it ended badly or not in time."""
    told = ""
    for sync in cluster.changes(name, timeout):
        status = sync.get("status") or {}
        active = status.get("activeRun")
        if active and (now := views.progress(active)) != told:
            told = now
            say(f"{name}: {now}")
        if active or status.get(echo) != asked:
            continue
        last = ended(status)
        say(f"{name}: {views.ended(last)}")
        raise typer.Exit(0 if last.get("result") in ("Succeeded", "NoChange") else 1)
    raise ClusterFailure(f"the run of {name} did not end within {timeout} s")


def say(sentence: str) -> None:
    """One line for people."""
    terminal.output().print(Text(sentence), soft_wrap=True)
