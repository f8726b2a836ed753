"""``socratasync operator``: reconciles SocrataSync resources in a cluster until it is told to stop."""

from __future__ import annotations

import logging
from enum import StrEnum
from typing import Annotated

import typer

from socratasync.cli import options, terminal


class LogLevel(StrEnum):
    """The least severe log lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def command(
    image: Annotated[
        str,
        typer.Option(
            "--image",
            envvar="SOCRATASYNC_IMAGE",
            metavar="IMAGE",
            help="The image that runs' Jobs use; usually the operator's own.",
            show_default=False,
        ),
    ],
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            metavar="NS",
            help="A namespace to work in; may be given several times. Without it: all namespaces.",
            show_default=False,
        ),
    ] = None,
    metrics_port: Annotated[
        int, typer.Option("--metrics-port", min=0, max=65535, help="Port of /metrics.")
    ] = 9090,
    health_port: Annotated[
        int, typer.Option("--health-port", min=0, max=65535, help="Port of /healthz and /readyz.")
    ] = 8080,
    max_active_runs: Annotated[
        int, typer.Option("--max-active-runs", min=1, help="Runs at once; the rest wait in order.")
    ] = 20,
    max_active_runs_per_domain: Annotated[
        int,
        typer.Option(
            "--max-active-runs-per-domain",
            min=1,
            help="Runs at once against one portal, whose quota they share.",
        ),
    ] = 4,
    log_format: Annotated[
        options.LogFormat, typer.Option("--log-format", help="Log lines for people or machines.")
    ] = options.LogFormat.TEXT,
    log_level: Annotated[
        LogLevel, typer.Option("--log-level", help="The least severe log lines to write.")
    ] = LogLevel.INFO,
) -> None:
    """Run the operator: watch SocrataSyncs, start their Jobs, report their status.

    Within a cluster it uses its service account; outside, the kubeconfig.
    """
    try:
        from socratasync.controller import main as operator  # heavy, and an extra
        from socratasync.controller.cluster.errors import ClusterError
    except ModuleNotFoundError as exc:
        terminal.messages().print(
            f"error: the operator needs {exc.name}; install it with pip install 'socratasync[operator]'"
        )
        raise typer.Exit(78) from exc
    wanted = operator.OperatorOptions(
        image=image,
        namespaces=tuple(namespace or ()),
        metrics_port=metrics_port,
        health_port=health_port,
        max_active_runs=max_active_runs,
        max_active_runs_per_domain=max_active_runs_per_domain,
        log_format=log_format.value,
        log_level=logging.getLevelNamesMapping()[log_level.upper()],
    )
    try:
        operator.run(wanted)
    except ClusterError as exc:
        terminal.messages().print(f"error: {exc.message}", markup=False)
        raise typer.Exit(1) from exc
    except OSError as exc:
        terminal.messages().print(f"error: {exc}; choose other ports", markup=False)
        raise typer.Exit(1) from exc
