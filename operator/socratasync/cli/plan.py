"""``socratasync plan``: what a run would do. Writes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime

import typer

from socratasync.api.manifest import Manifest
from socratasync.cli import failures, inputs, options, preview_json, preview_table, terminal
from socratasync.cli.portal import TRIES
from socratasync.contract.environment import Secrets, not_given, redactor
from socratasync.contract.report import error_dict, summarise
from socratasync.errors import SyncError
from socratasync.pipeline import request
from socratasync.pipeline.preview import Preview, find, nothing_there, preview
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.target.connection import Connections
from socratasync.process import logs
from socratasync.process.redact import Redactor, mask_values
from socratasync.process.signals import Interruption, interruptible, leave


def command(
    file: options.File,
    dsn: options.Dsn = None,
    mode: options.ModeChoice = None,
    since: options.Since = None,
    output: options.OutputFormat = options.Output.TEXT,
    verbose: options.Verbose = False,
) -> None:
    """Show what a run would do: rows, bytes, the table, drift, keys, values. Writes nothing.

    The database is read in read-only sessions; with no DSN and no embedded database yet, the
    target counts as empty, and no values are tried. Bytes are an estimate from the first thousand
    rows of each dataset, and these are the rows whose values are tried.

    Exits as the run would, as far as that can be told beforehand.
    """
    environ = inputs.environment()
    redact = redactor(environ)
    redact.add_dsn(dsn)
    logs.configure("text", redact, level=20 if verbose else 30)
    with interruptible() as interruption:
        try:
            code = _plan(file, dsn, mode, since, output, environ, redact, interruption)
        except SyncError as exc:
            if output is not options.Output.JSON:
                raise
            typer.echo(json.dumps(mask_values({"v": 1, "error": error_dict(exc)}, redact)))
            code = exc.exit_code
        except SystemExit:
            code = interruption.exit_code or 1
    if interruption.exit_code is not None:
        leave(code)
    raise typer.Exit(code)


def _plan(
    file: options.File,
    dsn: str | None,
    mode: options.Mode | None,
    since: str | None,
    output: options.Output,
    environ: Mapping[str, str],
    redact: Redactor,
    interruption: Interruption,
) -> int:
    manifest = inputs.with_sql(inputs.manifest(file), environ)
    given = inputs.secrets(dsn, environ)
    redact.add(*given.values())
    spec = manifest.spec
    chosen = mode.value if mode else spec.mode
    bound = (inputs.moment(since, mode) or spec.since) if chosen == "update" else None
    with inputs.existing_database(given, environ) as database:
        found = find(Connections(database.dsn), spec) if database else nothing_there(spec)
        with closing(_source(manifest, given, environ, interruption)) as source:
            planned = preview(
                spec,
                source,
                found,
                mode=chosen,
                since=bound,
                now=datetime.now(UTC),
                stopping=interruption.stopping,
                told=redact,
            )
    _tell(manifest, planned, not_given(spec, given), output, redact)
    failure = planned.error or summarise(planned.failures)
    return failure.exit_code if failure else 0


def _source(
    manifest: Manifest, given: Secrets, environ: Mapping[str, str], interruption: Interruption
) -> Source:
    patience = request.read_policy(environ)
    return Source(
        manifest.spec.domain,
        api=manifest.spec.source.api,
        app_token=given.app_token,
        credentials=given.credentials,
        requests_at_once=manifest.spec.parallelism,
        policy=patience.within(TRIES),
        timeouts=Timeouts.of(manifest.spec.source.timeouts),
        stopping=interruption.stopping,
    )


def _tell(
    manifest: Manifest,
    planned: Preview,
    warnings: list[str],
    output: options.Output,
    redact: Redactor,
) -> None:
    if output is options.Output.JSON:
        typer.echo(
            json.dumps(mask_values(preview_json.as_dict(manifest, planned, warnings), redact))
        )
        return
    preview_table.show(terminal.output(), manifest, planned, warnings, redact)
    errors = terminal.messages()
    for dataset, error in planned.failures:
        failures.show(errors, error, redact, about=dataset)
    if planned.error:
        failures.show(errors, planned.error, redact)
