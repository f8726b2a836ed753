"""What a command is given: the manifest, secrets, times, and the database to work on."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from socratasync.api.manifest import Manifest, read_manifest
from socratasync.cli.arguments import hide
from socratasync.cli.options import Mode
from socratasync.contract.environment import Secrets, read_moment, read_secrets
from socratasync.embedded import server
from socratasync.embedded import server as embedded
from socratasync.errors import InvalidSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where the target is. ``folder``: that of the embedded PostgreSQL, None for a server."""

    dsn: str
    folder: Path | None = None

    @property
    def place(self) -> str:
        """For people: never with a password."""
        return f"embedded PostgreSQL in {self.folder}" if self.folder else "the database of the DSN"


def manifest(file: Path) -> Manifest:
    """The manifest in the file, or on standard input for ``-``. Raises ``InvalidSpec``."""
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidSpec(f"{file} cannot be read: {exc}") from exc
    return read_manifest(text)


def secrets(dsn: str | None, environ: Mapping[str, str]) -> Secrets:
    """The environment's secrets; a DSN given as an argument goes before, and is hidden there."""
    found = read_secrets(environ)
    if dsn is None:
        return found
    hide(dsn)
    if not dsn.strip():
        raise InvalidSpec("--dsn is empty; leave it out to use the embedded PostgreSQL")
    return dataclasses.replace(found, dsn=dsn)


def moment(since: str | None, mode: Mode | None) -> datetime | None:
    """``--since`` read. Raises ``InvalidSpec``, also when the run would not heed it."""
    if since is None:
        return None
    if mode is Mode.FULL:
        raise InvalidSpec(
            "--since bounds an update and means nothing with --mode full; leave one out"
        )
    return read_moment(since, "--since")


@contextlib.contextmanager
def database(given: Secrets, environ: Mapping[str, str]) -> Iterator[Database]:
    """The server that the DSN names, or the embedded one, which is made if need be."""
    if given.dsn:
        yield Database(dsn=given.dsn)
        return
    folder = server.data_folder(environ)
    with embedded.database(folder) as dsn:
        yield Database(dsn=dsn, folder=folder)


@contextlib.contextmanager
def existing_database(given: Secrets, environ: Mapping[str, str]) -> Iterator[Database | None]:
    """The same, but nothing is made: None when there is no DSN and no embedded database yet."""
    if not given.dsn and not embedded.is_there(server.data_folder(environ)):
        yield None
        return
    with database(given, environ) as found:
        yield found


def environment() -> Mapping[str, str]:
    """The process's environment: read here, an argument everywhere else."""
    return os.environ
