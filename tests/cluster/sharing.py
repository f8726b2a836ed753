"""One control plane for all test workers of a run, started by the first and stopped by the last.

On two cores two control planes would only slow each other down. What a run that was killed left
behind is swept by the next one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
from tests.cluster.controlplane import ControlPlane

ROOM = Path(tempfile.gettempdir()) / f"socratasync-cluster-{os.getuid()}"


@contextmanager
def shared_control_plane(run: str) -> Iterator[ControlPlane]:
    """The control plane of the run of that name."""
    folder = ROOM / run
    with _one_at_a_time():
        _sweep()
        plane = ControlPlane(folder / "plane") if _users(folder) else _first(folder)
        _note(folder).touch()
    try:
        yield plane
    finally:
        with _one_at_a_time():
            _note(folder).unlink(missing_ok=True)
            if not _users(folder):
                plane.stop()
                shutil.rmtree(folder, ignore_errors=True)
            plane.api.close()


def _first(folder: Path) -> ControlPlane:
    (folder / "users").mkdir(parents=True)
    return ControlPlane.start(folder / "plane")


def _note(folder: Path) -> Path:
    return folder / "users" / str(os.getpid())


def _users(folder: Path) -> list[Path]:
    notes = (folder / "users").glob("*")
    return [note for note in notes if psutil.pid_exists(int(note.name))]


def _sweep() -> None:
    """Stops the control planes whose users are all gone: their run was killed."""
    for folder in ROOM.glob("*/"):
        if not _users(folder):
            if (folder / "plane" / "plane.json").exists():
                ControlPlane(folder / "plane").stop()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    ROOM.mkdir(mode=0o700, exist_ok=True)
    with (ROOM / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
