"""The folder of an embedded PostgreSQL: where it is, where its socket is, and which will not do."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from socratasync.embedded import programs
from socratasync.errors import Misconfigured

LONGEST_SOCKET_PATH = 100
"""The kernel's limit is 107 bytes, and PostgreSQL adds ``.lock`` to the name."""

_SOCKET = ".s.PGSQL.5432"


class UnusableFolder(Misconfigured):
    """The data folder cannot hold a PostgreSQL that this process may run."""

    reported_as = "InvalidSpec"


def data_folder(environ: Mapping[str, str]) -> Path:
    """Where the embedded database and, by default, archives are kept.

    ``SOCRATASYNC_DATA``, else the user's data folder. Root gets a folder under /var/lib: root's
    PostgreSQL runs as another user, who cannot enter root's home.
    """
    if given := environ.get("SOCRATASYNC_DATA"):
        return Path(given).expanduser()
    if os.geteuid() == 0:
        return Path("/var/lib/socratasync")
    base = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "socratasync"


def has_database(folder: Path) -> bool:
    """Whether ``folder`` holds a database. Makes and starts nothing."""
    return (folder / "postgres" / "PG_VERSION").exists()


def check_name(folder: Path) -> None:
    """Refuse characters that a shell would interpret: ``pg_ctl`` starts the server through one."""
    if odd := set(str(folder)) & set('"$`\\\n'):
        raise UnusableFolder(
            f"a folder with {' '.join(sorted(map(repr, odd)))} in its name cannot hold the embedded "
            "PostgreSQL; choose another with SOCRATASYNC_DATA"
        )


def open_to_server_user(folder: Path) -> None:
    """Let the user as whom root's PostgreSQL runs enter the folder; refuse if a parent is closed."""
    folder.chmod(folder.stat().st_mode | 0o011)
    closed = [parent for parent in folder.parents if not parent.stat().st_mode & 0o001]
    if closed:
        raise UnusableFolder(
            f"{closed[0]} is closed to the user {programs.SERVER_USER}, as whom root's PostgreSQL runs; "
            "choose another folder with SOCRATASYNC_DATA, or open it: chmod o+x"
        )


def socket_folder(folder: Path) -> Path:
    """The folder of the server's socket: beside the data where that is possible.

    It is in the temporary folder where the path beside the data is too long for a socket, or has a
    comma, which would make two hosts of it in a DSN.
    """
    beside = folder / "socket"
    if len(os.fsencode(beside / _SOCKET)) <= LONGEST_SOCKET_PATH and "," not in str(beside):
        return beside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"socratasync-{os.geteuid()}-{digest}"
    if short.is_symlink() or (short.exists() and not _is_ours(short)):
        raise UnusableFolder(
            f"{short}, where the socket of {folder} would be, belongs to somebody else; choose a shorter "
            "folder with SOCRATASYNC_DATA"
        )
    return short


def _is_ours(path: Path) -> bool:
    """Whether nobody else could put a socket of their own there, for us to connect to."""
    found = path.stat()
    user, _ = programs.server_user() or (os.geteuid(), 0)
    return found.st_uid in (os.geteuid(), user) and not found.st_mode & 0o022
