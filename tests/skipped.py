"""Skipped tests, said aloud: a test that does not run proves nothing, and nobody misses a dot.

In CI (the variable ``CI`` is set) a skip for a reason that is not in ``ALLOWED`` fails the run.
"""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

NO_REAL_DATA = "SOCRATASYNC_REAL_DATA names no folder of real Socrata files"
NO_PGBOUNCER = "pgbouncer is not installed (Debian: apt-get install pgbouncer)"
NO_POSTGIS = "PostGIS is not installed (Debian: apt-get install postgresql-15-postgis-3)"
NO_IPV6 = "there is no IPv6 here"
NOT_ROOT = "namespaces need root, and the programs ip and unshare"
NOT_A_WHOLE_SERVER = (
    "this PostgreSQL lacks an extension, or ICU; those of `make versions` have both"
)

ALLOWED = frozenset({NO_REAL_DATA, NOT_A_WHOLE_SERVER})
"""What a machine of CI may lack: the files hold people's addresses, and so are in no repository; the wheel's
server is built without what most programs do not need."""


def has_ipv6() -> bool:
    """Whether this machine's loopback has an address of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason=NO_IPV6)


class SkippedTests:
    """A plugin that ends a run with a box of what was skipped and why."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The box, if anything was skipped."""
        if not (reasons := Counter(_reasons(terminalreporter))):
            return
        terminalreporter.write_sep(
            "!", f"{reasons.total()} tests were skipped", red=True, bold=True
        )
        for (where, reason), times in sorted(reasons.items()):
            terminalreporter.line(f"! {where}{f' ({times} times)' if times > 1 else ''}: {reason}")
        if forbidden := _forbidden(terminalreporter):
            terminalreporter.line(f"! CI allows no skip for: {'; '.join(forbidden)}", red=True)
        terminalreporter.write_sep("!", red=True, bold=True)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A run that went well but for a skip that CI does not allow has failed."""
        reporter = session.config.pluginmanager.get_plugin("terminalreporter")
        if session.exitstatus == pytest.ExitCode.OK and reporter and _forbidden(reporter):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _forbidden(reporter: pytest.TerminalReporter) -> list[str]:
    """The reasons that CI does not allow; elsewhere there are none."""
    reasons = {reason for _, reason in _reasons(reporter)}
    return sorted(reasons - ALLOWED) if os.environ.get("CI") else []


def _reasons(reporter: pytest.TerminalReporter) -> Iterator[tuple[str, str]]:
    """(test without its parameters, reason) of every test and file that was skipped."""
    for report in reporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        yield report.nodeid.partition("[")[0], reason.removeprefix("Skipped: ")
