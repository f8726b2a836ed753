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
from socratasync.api.annotations import CANCEL, FULL, REQUESTED
from socratasync.api.selection import EVERYTHING
from socratasync.cli import options, terminal
from socratasync.cli.kubectl import views
from socratasync.cli.kubectl.asking import FULL_ECHO, annotate, ask, ask_one_off, say, selected
from socratasync.cli.kubectl.cluster import Cluster, ClusterFailure, NotStarted
from socratasync.cli.options import Output, OutputFormat
from socratasync.process.signals import interruptible, leave

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
Since = Annotated[
    str | None,
    typer.Option(
        "--since",
        metavar="TIME",
        help="Only rows that changed at or after this date or time (UTC unless it names a zone).",
        show_default=False,
    ),
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
    ask(cluster, name, REQUESTED, "lastHandledReconcileAt", "run", wait=wait, timeout=timeout)


@app.command()
def full(
    name: Name,
    year: options.Years = None,
    dataset: options.Datasets = None,
    since: Since = None,
    until: options.Until = None,
    reset: options.Reset = False,
    wait: Wait = False,
    timeout: Timeout = 3600,
    namespace: Namespace = None,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
) -> None:
    """Run now, and read all rows this once: of everything, or of a part of it.

    --year, --dataset, --since, --until and --reset make it a one-off run. It answers no time of the schedule, and says
    nothing of what it does not load.
    """
    selection = selected(year or (), dataset or (), since, until, reset=reset)
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    if selection == EVERYTHING:
        ask(cluster, name, FULL, FULL_ECHO, "full run", wait=wait, timeout=timeout)
    else:
        ask_one_off(cluster, name, selection, wait=wait, timeout=timeout)


@app.command()
def cancel(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Stop the active run. What it has merged stays."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    if not (cluster.sync(name).get("status") or {}).get("activeRun"):
        raise ClusterFailure(f"no run of {name} is active")
    annotate(cluster, name, CANCEL)
    say(f"{name}: asked to stop the active run")


@app.command()
def suspend(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Start no new runs. Times of the schedule that pass meanwhile are not made up for."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    sync = cluster.patch(name, {"spec": {"suspend": True}})
    active = (sync.get("status") or {}).get("activeRun")
    say(f"{name}: suspended" + ("; the active run goes on (cancel stops it)" if active else ""))


@app.command()
def resume(
    name: Name, namespace: Namespace = None, context: Context = None, kubeconfig: Kubeconfig = None
) -> None:
    """Go on by the schedule."""
    cluster = Cluster(namespace=namespace, context=context, kubeconfig=kubeconfig)
    cluster.patch(name, {"spec": {"suspend": False}})
    say(f"{name}: resumed")


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
    run = status.get("activeRun") or views.newest_ended(status)
    if not run or not run.get("job"):
        raise ClusterFailure(f"{name} has not run yet")
    pods = cluster.pods(run["job"])
    if not pods:
        raise ClusterFailure(
            f"the pod of run {run['job']} is gone, or not there yet; kubectl socratasync status {name} "
            "tells how the run stands"
        )
    return str(pods[-1]["metadata"]["name"])


def _print(view: Any, data: Any, output: Output) -> None:
    if output is Output.JSON:
        typer.echo(json.dumps(data, indent=2))
    else:
        terminal.output(pipe_width=_UNCUT).print(view)


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
