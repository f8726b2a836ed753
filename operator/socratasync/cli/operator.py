"""``socratasync operator``: reconciles the SocrataSyncs of a cluster until a signal comes."""

from __future__ import annotations

import logging
import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from socratasync.cli import options, terminal
from socratasync.errors import InvalidSpec
from socratasync.notify.occasions import RUNBOOKS

if TYPE_CHECKING:
    from socratasync.controller.main import OperatorOptions


class LogLevel(StrEnum):
    """The least severe log lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


Image = Annotated[
    str | None,
    typer.Option(
        "--image",
        envvar="SOCRATASYNC_IMAGE",
        metavar="IMAGE",
        help="The image that runs' Jobs use. Without it: that of the operator's own pod, which POD_NAME and "
        "POD_NAMESPACE name.",
        show_default=False,
    ),
]
Defaults = Annotated[
    Path | None,
    typer.Option(
        "--job-defaults",
        metavar="FILE",
        help="YAML: what every run's Job has unless its sync says otherwise.",
        show_default=False,
    ),
]
Namespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NS",
        help="A namespace to work in; may be given several times. Without it: all namespaces.",
        show_default=False,
    ),
]
LeaderElect = Annotated[
    str | None,
    typer.Option(
        "--leader-elect",
        metavar="LEASE",
        help="Work only while holding the Lease of that name, in POD_NAMESPACE; others stand by.",
        show_default=False,
    ),
]
MetricsPort = Annotated[
    int, typer.Option("--metrics-port", min=0, max=65535, help="Port of /metrics.")
]
HealthPort = Annotated[
    int, typer.Option("--health-port", min=0, max=65535, help="Port of /healthz and /readyz.")
]
StatusPage = Annotated[
    bool,
    typer.Option(
        "--status-page",
        help="Serve a page, and status.json, that tell how every sync stands. There is no login: let only those "
        "reach it who may know.",
    ),
]
StatusPagePort = Annotated[
    int, typer.Option("--status-page-port", min=0, max=65535, help="Port of the status page.")
]
StatusPageLeaveOut = Annotated[
    list[str] | None,
    typer.Option(
        "--status-page-leave-out",
        metavar="NS",
        help="A namespace of which the status page tells nothing; may be given several times.",
        show_default=False,
    ),
]
MaxActiveRuns = Annotated[
    int, typer.Option("--max-active-runs", min=1, help="Runs at once; the rest wait in order.")
]
MaxActiveRunsPerDomain = Annotated[
    int,
    typer.Option(
        "--max-active-runs-per-domain",
        min=1,
        help="Runs at once against one portal, whose quota they share.",
    ),
]
MaxActiveRunsPerNamespace = Annotated[
    int,
    typer.Option(
        "--max-active-runs-per-namespace",
        min=0,
        help="Runs at once in one namespace; 0 for no limit but the operator's.",
    ),
]
Runbooks = Annotated[
    str,
    typer.Option(
        "--runbooks",
        metavar="URL",
        help="Where the runbooks are, for notifications; empty: where the project has them.",
    ),
]
LogFormat = Annotated[
    options.LogFormat, typer.Option("--log-format", help="Log lines for people or machines.")
]
LeastSevere = Annotated[
    LogLevel, typer.Option("--log-level", help="The least severe log lines to write.")
]


def command(
    image: Image = None,
    job_defaults: Defaults = None,
    namespace: Namespaces = None,
    leader_elect: LeaderElect = None,
    metrics_port: MetricsPort = 9090,
    health_port: HealthPort = 8080,
    status_page: StatusPage = False,
    status_page_port: StatusPagePort = 8081,
    status_page_leave_out: StatusPageLeaveOut = None,
    max_active_runs: MaxActiveRuns = 20,
    max_active_runs_per_domain: MaxActiveRunsPerDomain = 4,
    max_active_runs_per_namespace: MaxActiveRunsPerNamespace = 0,
    runbooks: Runbooks = RUNBOOKS,
    log_format: LogFormat = options.LogFormat.TEXT,
    log_level: LeastSevere = LogLevel.INFO,
) -> None:
    """Run the operator: watch SocrataSyncs, start their Jobs, report their status.

    Within a cluster it uses its service account; outside, the kubeconfig.
    """
    try:
        from socratasync.controller import (
            main as operator,
        )  # slow to import, and needs the extra `operator`
        from socratasync.controller.jobs.defaults import NOTHING_SAID, read_defaults
    except ModuleNotFoundError as exc:
        terminal.messages().print(
            f"error: the operator needs {exc.name}; in a checkout: pip install '.[operator]'",
            markup=False,
        )
        raise typer.Exit(78) from exc
    try:
        _need_own_pod(image, leader_elect)
        defaults = read_defaults(job_defaults) if job_defaults else NOTHING_SAID
    except InvalidSpec as exc:
        terminal.messages().print(f"error: {exc.message}", markup=False)
        raise typer.Exit(exc.exit_code) from exc
    wanted = operator.OperatorOptions(
        image=image,
        defaults=defaults,
        namespaces=tuple(namespace or ()),
        lease=leader_elect,
        metrics_port=metrics_port,
        health_port=health_port,
        page=operator.PageOptions(port=status_page_port, left_out=status_page_leave_out or ())
        if status_page
        else None,
        max_active_runs=max_active_runs,
        max_active_runs_per_domain=max_active_runs_per_domain,
        max_active_runs_per_namespace=max_active_runs_per_namespace or None,
        runbooks=runbooks or None,
        log_format=log_format.value,
        log_level=logging.getLevelNamesMapping()[log_level.upper()],
    )
    _operate(wanted)


def _operate(wanted: OperatorOptions) -> None:
    """Until a signal comes; ends the command with a sentence if that cannot be."""
    from socratasync.controller.cluster.errors import ClusterError
    from socratasync.controller.main import run

    try:
        run(wanted)
    except ClusterError as exc:
        # Logged, since the log is what is read of a pod that has ended; the sentence is enough.
        logging.getLogger("socratasync.operator").error("%s", exc.message)  # noqa: TRY400
        raise typer.Exit(1) from exc
    except OSError as exc:
        terminal.messages().print(f"error: {exc}; choose other ports", markup=False)
        raise typer.Exit(1) from exc


def _need_own_pod(image: str | None, leader_elect: str | None) -> None:
    """Raises ``InvalidSpec`` if something must be known of the pod and the environment does not name it."""
    pod, home = (os.environ.get(name) for name in ("POD_NAME", "POD_NAMESPACE"))
    if not image and not (pod and home):
        raise InvalidSpec(
            "name the image of runs' Jobs by --image or SOCRATASYNC_IMAGE; it can be found out only within a pod "
            "that POD_NAME and POD_NAMESPACE name"
        )
    if leader_elect and not home:
        raise InvalidSpec("--leader-elect needs POD_NAMESPACE, the namespace of the Lease")
