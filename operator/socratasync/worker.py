"""What a Job's container runs: one run by the orders in its environment, told in three places.

Log lines go to standard error as JSON. The report goes to the termination log, which Kubernetes
keeps when the pod is gone, and, complete, to standard output as the last line; whatever happens, there is
one. No command line is parsed here: a pod that starts a hundred times a day should start fast.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping, Sequence

from socratasync.api.one_off import limited
from socratasync.contract import environment
from socratasync.contract.progress import Logged
from socratasync.contract.report import RunReport
from socratasync.contract.report_text import encode, fit
from socratasync.errors import SyncError, Terminated, Unexpected
from socratasync.pipeline.request import RunOptions, RunRequest, read_lock_wait, read_policy
from socratasync.pipeline.run import run
from socratasync.process import logs
from socratasync.process.last_words import leave_word
from socratasync.process.redact import Redactor
from socratasync.process.signals import Interruption, interruptible, leave

log = logging.getLogger(__name__)


def main(environ: Mapping[str, str], early: Sequence[int] = ()) -> int:
    """Run once and tell; the exit code is the report's. ``early``: signals that came before."""
    redact = environment.redactor(environ)
    logs.configure("json", redact)
    teller = Teller(environ)
    with interruptible(lambda code: teller.tell(_stopped(environ, redact), code)) as interruption:
        try:
            for number in early:
                interruption.receive(number)
            report = _carry_out(environ, redact, interruption)
            interruption.too_late()
        except Terminated:
            report = _stopped(environ, redact)
        # A signal that came when all was done changes nothing.
        code = (report.terminated and interruption.exit_code) or report.exit_code
        teller.tell(report, code)
    if interruption.exit_code is not None:
        leave(code)
    return code


class Teller:
    """Tells the outcome, once: the signal's last words may come from another thread."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._guard = threading.Lock()
        self._told = False

    def tell(self, report: RunReport, code: int) -> None:
        """The report to the termination log and to standard output."""
        with self._guard:
            if self._told:
                return
            self._told = True
            told = report.as_dict()
            log.info("done, exit code %d", code, extra={"facts": {"event": "done", "exit": code}})
            leave_word(self._environ, fit(told))
            sys.stdout.write(encode(told) + "\n")
            sys.stdout.flush()


def _carry_out(
    environ: Mapping[str, str], redact: Redactor, interruption: Interruption
) -> RunReport:
    """The run's report; also of a run that could not begin."""
    try:
        secrets = environment.read_secrets(environ)
        redact.add(*secrets.values())
        request, warnings = _request(environment.read_assignment(environ), secrets)
        options = RunOptions(
            progress=Logged(),
            stopping=interruption.stopping,
            policy=read_policy(environ),
            lock_wait_s=read_lock_wait(environ),
        )
        report = run(request, options)
        report.warnings[:0] = warnings
    except SyncError as exc:
        log.error("%s: %s", exc.reason, exc.message)  # noqa: TRY400  # expected: no traceback
        return _failed(environ, redact, exc)
    except Exception as exc:  # whatever it is, the operator must learn that this run ended
        log.exception("this should not have happened")
        return _failed(environ, redact, Unexpected.because_of(exc))
    return report


def _request(
    assignment: environment.Assignment, secrets: environment.Secrets
) -> tuple[RunRequest, list[str]]:
    assert secrets.dsn is not None  # read_assignment insists on it
    warnings = environment.not_given(assignment.spec, secrets)
    for warning in warnings:
        log.warning("%s", warning)
    request = RunRequest(
        name=assignment.name,
        namespace=assignment.namespace,
        run=assignment.run,
        spec=limited(assignment.spec, assignment.selection, assignment.mode),
        selection=assignment.selection,
        mode=assignment.mode,
        dsn=secrets.dsn,
        since=assignment.since,
        secrets=secrets,
        archive_folder=assignment.archive,
    )
    return request, warnings


def _blank(environ: Mapping[str, str], redact: Redactor) -> RunReport:
    return RunReport(
        run=environ.get("SOCRATASYNC_RUN", ""),
        mode=environ.get("SOCRATASYNC_MODE") or "update",
        only=environ.get(environment.ONLY) or None,
        redact=redact,
    )


def _stopped(environ: Mapping[str, str], redact: Redactor) -> RunReport:
    report = _blank(environ, redact)
    report.terminated = True
    return report


def _failed(environ: Mapping[str, str], redact: Redactor, error: SyncError) -> RunReport:
    report = _blank(environ, redact)
    report.error = error
    return report
