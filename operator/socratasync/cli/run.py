"""``socratasync run``: one run of a manifest, here, with no cluster."""

from __future__ import annotations

import contextlib
import logging
import secrets as randomness
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from socratasync.api.manifest import Manifest
from socratasync.api.one_off import limited
from socratasync.api.selection import Selection
from socratasync.cli import inputs, news, options, report_table, terminal
from socratasync.contract.environment import Secrets, not_given, redactor
from socratasync.contract.notification import read_channels
from socratasync.contract.progress import Logged, Progress
from socratasync.contract.report import RunReport
from socratasync.contract.report_text import encode
from socratasync.embedded.folder import data_folder
from socratasync.errors import SyncError, TargetUnavailable, Terminated
from socratasync.notify.by_hand import Past, news_of_run
from socratasync.pipeline.request import RunOptions, RunRequest, read_lock_wait, read_policy
from socratasync.pipeline.run import run
from socratasync.process import logs
from socratasync.process.redact import Redactor
from socratasync.process.signals import Interruption, interruptible, leave

log = logging.getLogger(__name__)

_IN_THE_REPORT = (
    "socratasync.pipeline.journal",
    "socratasync.pipeline.run",
    "socratasync.pipeline.parallel",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks for."""

    file: options.File
    dsn: str | None
    mode: options.Mode | None
    since: str | None
    selection: Callable[[], Selection]
    """Read where a slip ends in the report."""
    output: options.Output
    log_format: options.LogFormat
    verbose: bool


def command(
    file: options.File,
    dsn: options.Dsn = None,
    mode: options.ModeChoice = None,
    since: options.Since = None,
    year: options.Years = None,
    dataset: options.Datasets = None,
    until: options.Until = None,
    reset: options.Reset = False,
    output: options.OutputFormat = options.Output.TEXT,
    log_format: Annotated[
        options.LogFormat,
        typer.Option(
            "--log-format", help="Log lines for people or for machines; JSON has no bars."
        ),
    ] = options.LogFormat.TEXT,
    verbose: options.Verbose = False,
) -> None:
    """Run a manifest once, here: download, stage, merge, refresh.

    --year, --dataset, --until and --reset make it a one-off run of a part of the manifest, which needs no edit for that.

    Secrets that the manifest names come from --dsn or SOCRATASYNC_DSN, SOCRATASYNC_APP_TOKEN,
    SOCRATASYNC_USERNAME and SOCRATASYNC_PASSWORD, SOCRATASYNC_NOTIFY_0, _1 and so on; the SQL of
    spec.refresh.sqlConfigMapRef from SOCRATASYNC_REFRESH_SQL.

    Exit codes: 0 done, 65 data refused, 75 try again later, 77 not allowed, 78 configuration,
    143 stopped.
    """
    wish = Wish(
        file=file,
        dsn=dsn,
        mode=mode,
        since=since,
        selection=partial(inputs.selection, year or (), dataset or (), since, until, reset=reset),
        output=output,
        log_format=log_format,
        verbose=verbose,
    )
    environ = inputs.environment()
    redact = redactor(environ)
    redact.add_dsn(dsn)
    with interruptible() as interruption:
        outcome = _Outcome(RunReport(run="", mode=mode or "update", redact=redact))
        outcome.is_one_off = bool(year or dataset or until is not None or reset)
        try:
            _carry_out(wish, environ, redact, interruption, outcome)
        except SyncError as exc:
            outcome.report.error = exc
        except Terminated:
            outcome.report.terminated = True
        interruption.too_late()
        _tell_people(outcome, environ)
        _tell(wish, outcome)
    code = (outcome.report.terminated and interruption.exit_code) or outcome.report.exit_code
    if interruption.exit_code is not None:
        leave(code)
    raise typer.Exit(code)


@dataclass(slots=True)
class _Outcome:
    """What is printed at the end. What the run did not reach is None."""

    report: RunReport
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    manifest: Manifest | None = None
    database: inputs.Database | None = None
    past: Sequence[Past] = ()
    is_one_off: bool = False
    seconds: float = 0.0


def _carry_out(
    wish: Wish,
    environ: Mapping[str, str],
    redact: Redactor,
    interruption: Interruption,
    outcome: _Outcome,
) -> None:
    with _progress(wish, redact) as progress:
        since = inputs.moment(wish.since, wish.mode)
        selection = wish.selection()
        outcome.manifest = manifest = inputs.with_sql(inputs.manifest(wish.file), environ)
        given = inputs.secrets(wish.dsn, environ)
        redact.add(*given.values())
        warnings = not_given(manifest.spec, given)
        for warning in warnings:
            log.warning("%s", warning)
        with inputs.database(given, environ) as database:
            outcome.database = database
            if database.folder:
                log.info("no DSN was given: using the %s", database.place)
            request = _request(wish, manifest, given, database, since, selection, environ)
            options = RunOptions(
                progress=progress,
                stopping=interruption.stopping,
                policy=read_policy(environ),
                lock_wait_s=read_lock_wait(environ),
            )
            started = time.monotonic()
            outcome.report = run(request, options)
            outcome.report.warnings[:0] = warnings
            outcome.seconds = time.monotonic() - started
            if given.channels and not isinstance(outcome.report.error, TargetUnavailable):
                outcome.past = news.past_runs(database.dsn, request.target, request.run)


def _tell_people(outcome: _Outcome, environ: Mapping[str, str]) -> None:
    """Nobody is told of a run that was stopped, of a manifest that cannot be read, or of a one-off run, which says
    nothing of how the table stands: who is at the terminal knows."""
    manifest, report = outcome.manifest, outcome.report
    channels = read_channels(environ)
    if manifest is None or report.terminated or outcome.is_one_off or not channels:
        return
    told = news_of_run(manifest, report, outcome.past, start=outcome.began, end=datetime.now(UTC))
    warnings = news.tell_people(told, manifest.spec, environ, channels)
    for warning in warnings:
        log.warning("%s", warning)
    report.warnings += [report.told(warning) for warning in warnings]


def _request(
    wish: Wish,
    manifest: Manifest,
    given: Secrets,
    database: inputs.Database,
    since: datetime | None,
    selection: Selection,
    environ: Mapping[str, str],
) -> RunRequest:
    spec, mode = manifest.spec, inputs.mode(selection, wish.mode, manifest.spec)
    archive = environ.get("SOCRATASYNC_ARCHIVE") or data_folder(environ) / "archive"
    return RunRequest(
        name=manifest.name,
        run=_run_id(manifest.name, datetime.now(UTC)),
        spec=limited(spec, selection, mode),
        selection=selection,
        mode=mode,
        dsn=database.dsn,
        since=since,
        secrets=given,
        archive_folder=Path(archive) / spec.archive.persistent_volume_claim
        if spec.archive
        else None,
    )


def _run_id(name: str, now: datetime) -> str:
    return f"{name}-{now:%Y%m%d-%H%M%S}-{randomness.token_hex(2)}"


@contextlib.contextmanager
def _progress(wish: Wish, redact: Redactor) -> Iterator[Progress]:
    """Show progress as bars on a terminal, as log lines elsewhere; configures the log to match."""
    console = terminal.messages()
    if wish.log_format is options.LogFormat.JSON or not terminal.has_bars(console):
        level = logging.DEBUG if wish.verbose else logging.INFO
        logs.configure(wish.log_format.value, redact, level=level)
        yield Logged()
        return
    level = logging.INFO if wish.verbose else logging.WARNING
    logs.configure("text", redact, level=level, stream=terminal.Lines(console))
    if not wish.verbose:  # the report says the same
        logging.getLogger().handlers[0].addFilter(lambda r: r.name not in _IN_THE_REPORT)
    with terminal.bars(console) as bars:
        yield bars


def _tell(wish: Wish, outcome: _Outcome) -> None:
    if wish.output is options.Output.JSON:
        typer.echo(encode(outcome.report.as_dict()))
        return
    console = terminal.output()
    if outcome.manifest and outcome.database:
        report_table.show(
            console,
            outcome.report,
            manifest=outcome.manifest,
            place=outcome.database.place,
            seconds=outcome.seconds,
        )
    report_table.show_failure(terminal.messages(), outcome.report)
    if outcome.manifest and outcome.database and outcome.database.folder and outcome.report.ok:
        table = f"{outcome.manifest.spec.target.schema_}.{outcome.manifest.spec.target.table}"
        console.print(f"Look at it: socratasync psql -c 'TABLE {table} LIMIT 10'")
