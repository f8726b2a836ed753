"""The plugin's commands. Annotations carry what a person asks for; the operator does it."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from socratasync import __version__
from socratasync.api.manifest import GROUP
from socratasync.cli import terminal
from socratasync.cli.kubectl import views
from socratasync.cli.kubectl.cluster import Cluster, ClusterFailure, NotStarted
from socratasync.cli.options import Output, OutputFormat
from socratasync.process.signals import interruptible, leave
from socratasync.times import write_instant

REQUESTED = f"{GROUP}/requestedAt"
FULL = f"{GROUP}/full"
CANCEL = f"{GROUP}/cancelAt"

_POD_POLL_S = 1.0
_UNCUT = 250
"""Columns of a table in a pipe: for grep and awk, as kubectl's own are never cut."""

app = typer.Typer(
    name="kubectl socratasync",
    help="See and steer SocrataSyncs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,  # kubectl completes its plugins by a script of their own
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Name = Annotated[str, typer.Argument(help="Name of the SocrataSync.", show_default=False)]
Namespace = Annotated[
    str | None,
    typer.Option(
        "-n", "--namespace", help="Its namespace; else the context's.", show_default=False
    ),
]
Context = Annotated[
    str | None,
    typer.Option("--context", help="A context of the kubeconfig.", show_default=False),
]
Kubeconfig = Annotated[
    Path | None, typer.Option("--kubeconfig", help="The kubeconfig to go by.", show_default=False)
]
Wait = Annotated[
    bool, typer.Option("--wait", help="Wait until the run has ended; exit 1 if badly.")
]
Timeout = Annotated[
    int, typer.Option("--timeout", min=1, help="With --wait: seconds to wait at most.")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kubectl socratasync {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    _wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """See and steer SocrataSyncs."""


@app.command()
def status(
    name: Annotated[
        str | None, typer.Argument(help="One SocrataSync in detail; else all.", show_default=False)
    ] = None,
    everywhere: Annotated[
        bool, typer.Option("-A", "--all-namespaces", help="Those of all namespaces.")
    ] = False,
    output: OutputFormat = Output.TEXT,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show how SocrataSyncs stand."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    now = datetime.now(UTC)
    if name:
        sync = cluster.sync(name)
        _print(views.details(sync, now), sync, output)
        return
    syncs = cluster.syncs(everywhere=everywhere)
    if not syncs and output is Output.TEXT:
        where = "any namespace" if everywhere else f"namespace {cluster.namespace}"
        terminal.messages().print(f"There are no SocrataSyncs in {where}.")
        return
    _print(views.overview(syncs, now, with_namespace=everywhere), syncs, output)


@app.command()
def history(
    name: Name,
    output: OutputFormat = Output.TEXT,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show the last runs; they outlive their Jobs."""
    sync = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig).sync(name)
    runs = (sync.get("status") or {}).get("history") or []
    if not runs and output is Output.TEXT:
        terminal.messages().print(f"No run of {name} has ended yet.")
        return
    _print(views.history(sync), runs, output)


@app.command()
def trigger(
    name: Name,
    wait: Wait = False,
    timeout: Timeout = 3600,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Run now, beside the schedule."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    _ask(cluster, name, REQUESTED, "lastHandledReconcileAt", "run", wait=wait, timeout=timeout)


@app.command()
def full(
    name: Name,
    wait: Wait = False,
    timeout: Timeout = 3600,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Run now, and read all rows this once."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    _ask(cluster, name, FULL, "lastHandledFullAt", "full run", wait=wait, timeout=timeout)


@app.command()
def cancel(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Stop the active run. What it has merged stays."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    if not (cluster.sync(name).get("status") or {}).get("activeRun"):
        raise ClusterFailure(f"no run of {name} is active")
    _annotate(cluster, name, CANCEL)
    _say(f"{name}: asked to stop the active run")


@app.command()
def suspend(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Start no new runs. Times of the schedule that pass meanwhile are not made up for."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    sync = cluster.patch(name, {"spec": {"suspend": True}})
    active = (sync.get("status") or {}).get("activeRun")
    _say(f"{name}: suspended" + ("; the active run goes on (cancel stops it)" if active else ""))


@app.command()
def resume(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Go on by the schedule."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    cluster.patch(name, {"spec": {"suspend": False}})
    _say(f"{name}: resumed")


@app.command()
def logs(
    name: Name,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on until the run ends.")
    ] = False,
    tail: Annotated[
        int | None, typer.Option("--tail", min=0, help="Only the last lines.", show_default=False)
    ] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="JSON lines, as the worker writes them.")
    ] = False,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Show the log of the active run, or of the last one."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    pod = _pod(cluster, name)
    while True:
        try:
            for line in cluster.log(pod, follow=follow, tail=tail):
                typer.echo(line if raw else views.log_line(line))
        except NotStarted:
            if not follow:
                raise
            time.sleep(_POD_POLL_S)  # Kubernetes tells no better time to ask again
        else:
            return


def _pod(cluster: Cluster, name: str) -> str:
    """The newest pod of the active run, or of the last one."""
    status = cluster.sync(name).get("status") or {}
    run = status.get("activeRun") or status.get("lastRun")
    if not run or not run.get("job"):
        raise ClusterFailure(f"{name} has not run yet")
    pods = cluster.pods(run["job"])
    if not pods:
        raise ClusterFailure(
            f"the pod of run {run['job']} is gone, or not there yet; kubectl socratasync status {name} "
            "tells how the run stands"
        )
    return str(pods[-1]["metadata"]["name"])


def _ask(
    cluster: Cluster, name: str, annotation: str, echo: str, what: str, *, wait: bool, timeout: int
) -> None:
    sync = cluster.sync(name)
    if sync["spec"].get("suspend"):
        raise ClusterFailure(f"{name} is suspended; kubectl socratasync resume {name} comes first")
    asked = _annotate(cluster, name, annotation)
    _say(f"{name}: asked for a {what}")
    if wait:
        _wait(cluster, name, echo, asked, timeout)


def _annotate(cluster: Cluster, name: str, annotation: str) -> str:
    """Set the annotation to a value that it never had: this moment."""
    value = write_instant(datetime.now(UTC), "milliseconds")
    cluster.patch(name, {"metadata": {"annotations": {annotation: value}}})
    return value


def _wait(cluster: Cluster, name: str, echo: str, asked: str, timeout: int) -> None:
    """Tell how the run goes, until it has ended. Exits 1 if it ended badly or not in time."""
    told = ""
    for sync in cluster.changes(name, timeout):
        status = sync.get("status") or {}
        active = status.get("activeRun")
        if active and (now := views.progress(active)) != told:
            told = now
            _say(f"{name}: {now}")
        if active or status.get(echo) != asked:
            continue
        last = status.get("lastRun") or {}
        _say(f"{name}: {views.ended(last)}")
        raise typer.Exit(0 if last.get("result") in ("Succeeded", "NoChange") else 1)
    raise ClusterFailure(f"the run of {name} did not end within {timeout} s")


def _print(view: Any, data: Any, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(data, indent=2))
    else:
        terminal.output(pipe_width=_UNCUT).print(view)


def _say(sentence: str) -> None:
    terminal.output().print(Text(sentence), soft_wrap=True)


def start() -> None:
    """Run the command of the process's arguments, and exit with its code."""
    with interruptible() as interruption:
        code = _guarded()
    if interruption.exit_code is not None:
        leave(interruption.exit_code)
    sys.exit(code)


def _guarded() -> int:
    try:
        app()
    except ClusterFailure as exc:
        terminal.messages().print(Text.assemble(("error: ", "bold red"), str(exc)))
        return 1
    except SystemExit as exc:
        return exc.code if isinstance(exc.code, int) else int(exc.code is not None)
    return 0
