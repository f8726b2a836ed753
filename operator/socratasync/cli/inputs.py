"""What a command is given: the manifest, secrets, times, and the database to work on."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from socratasync.api.manifest import Manifest, read_manifest
from socratasync.api.moment import read_moment
from socratasync.api.one_off import mode_of
from socratasync.api.selection import Selection, select
from socratasync.api.spec import Mode as SpecMode
from socratasync.api.spec import SyncSpec
from socratasync.cli.options import Mode
from socratasync.contract import refresh_sql
from socratasync.contract.environment import Secrets, read_secrets
from socratasync.embedded import server
from socratasync.embedded.folder import data_folder, has_database
from socratasync.errors import InvalidRequest, InvalidSpec
from socratasync.process.redact import passwords_in

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The target database. ``folder``: the embedded PostgreSQL's; None where a DSN was given."""

    dsn: str
    folder: Path | None = None

    @property
    def place(self) -> str:
        """Where the database is, for people: without the DSN, which may hold a password."""
        return f"embedded PostgreSQL in {self.folder}" if self.folder else "the database of the DSN"


def manifest(file: Path) -> Manifest:
    """The manifest in the file, or on standard input for ``-``. Raises ``InvalidSpec``."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidSpec(f"{file} cannot be read: {exc}") from exc
    return read_manifest(text)


def with_sql(given: Manifest, environ: Mapping[str, str]) -> Manifest:
    """The manifest with the SQL of the config map that it names, which the environment may hold. Raises
    ``InvalidSpec``."""
    return dataclasses.replace(given, spec=refresh_sql.with_sql(given.spec, environ))


def secrets(dsn: str | None, environ: Mapping[str, str]) -> Secrets:
    """The environment's secrets, but for a DSN given as an argument, which counts instead.

    Warns of a password in the argument. Raises ``InvalidSpec`` if the argument is empty.
    """
    found = read_secrets(environ)
    if dsn is None:
        return found
    if not dsn.strip():
        raise InvalidSpec("--dsn is empty; leave it out to use the embedded PostgreSQL")
    if passwords_in(dsn):
        log.warning(
            "other users of this machine can read the password in --dsn in the list of processes; give "
            "the DSN in the environment variable SOCRATASYNC_DSN instead"
        )
    return dataclasses.replace(found, dsn=dsn)


def moment(since: str | None, mode: Mode | None) -> datetime | None:
    """The moment that ``--since`` names. Raises ``InvalidSpec``, also beside ``--mode full``."""
    if since is None:
        return None
    if mode is Mode.FULL:
        raise InvalidSpec(
            "--since bounds an update and means nothing with --mode full; leave one out"
        )
    return read_moment(since, "--since")


def selection(
    years: Sequence[str],
    datasets: Sequence[str],
    since: str | None,
    until: str | None,
    *,
    reset: bool,
) -> Selection:
    """What the options select. ``--since`` bounds a range only beside ``--until``; alone it bounds an update. Raises
    ``InvalidRequest``."""
    return select(
        years=years,
        datasets=datasets,
        since=since if until is not None else None,
        until=until,
        reset=reset,
    )


def mode(selected: Selection, chosen: Mode | None, spec: SyncSpec) -> SpecMode:
    """How the selection is loaded. Raises ``InvalidRequest`` for a ``--mode`` that cannot do it."""
    wanted = mode_of(selected, chosen.value if chosen else spec.mode)
    if chosen and wanted != chosen.value:
        why = "--until reads a range" if selected.range else "--reset reads all rows"
        raise InvalidRequest(f"{why}, which --mode {chosen.value} does not; leave --mode out")
    return wanted


@contextlib.contextmanager
def database(given: Secrets, environ: Mapping[str, str]) -> Iterator[Database]:
    """The database that the DSN names; without one, the embedded one, made if it is not there."""
    if given.dsn:
        yield Database(dsn=given.dsn)
        return
    folder = data_folder(environ)
    with server.database(folder) as dsn:
        yield Database(dsn=dsn, folder=folder)


@contextlib.contextmanager
def existing_database(given: Secrets, environ: Mapping[str, str]) -> Iterator[Database | None]:
    """As ``database``, but makes none: None where there is neither a DSN nor an embedded one."""
    if not given.dsn and not has_database(data_folder(environ)):
        yield None
        return
    with database(given, environ) as found:
        yield found


def environment() -> Mapping[str, str]:
    """The process's environment, for commands to pass on as an argument."""
    return os.environ
