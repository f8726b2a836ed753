"""Keeps each download as gzip CSV, by dataset and year: ``<folder>/<dataset>/<year>/<run>.csv.gz``.

A file under way is called ``….part``. Every page is a gzip member of its own (members add up to
one file for any reader), so a page that must be taken back is cut off at the byte where it began.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from socratasync.errors import TargetUnavailable
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.request import RunContext


class Sink(Protocol):
    """Where a download is also written: an archive's file, or nowhere."""

    size: int

    def begin_page(self, first: bool) -> None:
        """A page starts; only the first keeps its header line."""

    def write(self, chunk: bytes) -> None:
        """Some bytes of the page."""

    def end_page(self) -> None:
        """The page is whole and its rows are staged."""

    def take_back(self) -> None:
        """The page failed: forget what came of it."""


class Nowhere:
    """No archive was asked for."""

    size = 0

    def begin_page(self, first: bool) -> None:
        """Nothing to do."""

    def write(self, chunk: bytes) -> None:
        """Nothing to do."""

    def end_page(self) -> None:
        """Nothing to do."""

    def take_back(self) -> None:
        """Nothing to do."""


class ArchiveFile:
    """One dataset's download of one run. ``size`` is the file's length after the last whole page."""

    def __init__(self, folder: Path, dataset: str, year: int | None, run: str) -> None:
        self._folder = folder / dataset / (str(year) if year else "all")
        self.path = self._folder / f"{run}.csv.gz"
        self._part = self._folder / f"{dataset}.part"
        self.size = 0
        self._page_start = 0
        self._file: BinaryIO | None = None
        self._deflate = zlib.compressobj(6, wbits=31)
        self._in_header = False
        with _disk_errors(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)

    def can_resume(self, size: int) -> bool:
        """Whether the part file holds at least what a checkpoint says was written."""
        return self._part.exists() and self._part.stat().st_size >= size

    def open(self, size: int) -> None:
        """Go on after ``size`` bytes; 0 starts anew."""
        self.close()
        with _disk_errors(self._folder):
            self._file = self._part.open("r+b" if size else "wb")
            self._cut(size)

    def close(self) -> None:
        """Close the file; what is unfinished stays for a later try to go on with."""
        if self._file:
            with _disk_errors(self._folder):
                self._file.close()
            self._file = None

    @property
    def _opened(self) -> BinaryIO:
        assert self._file is not None
        return self._file

    def begin_page(self, first: bool) -> None:
        """A page starts; only the first keeps its header line."""
        self._deflate = zlib.compressobj(6, wbits=31)
        self._in_header = not first
        self._page_start = self.size

    def write(self, chunk: bytes) -> None:
        """Some bytes of the page."""
        if self._in_header:
            _, newline, chunk = chunk.partition(b"\n")
            self._in_header = not newline
        with _disk_errors(self._folder):
            self._opened.write(self._deflate.compress(chunk))

    def end_page(self) -> None:
        """The page is whole and its rows are staged."""
        with _disk_errors(self._folder):
            self._opened.write(self._deflate.flush())
            self._opened.flush()
            self.size = self._opened.tell()

    def take_back(self) -> None:
        """The page failed: cut the file where it began."""
        with _disk_errors(self._folder):
            self._cut(self._page_start)

    def _cut(self, size: int) -> None:
        self._opened.seek(size)
        self._opened.truncate()
        self.size = size

    def finish(self, keep: int) -> None:
        """Name the whole file by its run, and remove all but the ``keep`` newest of this dataset."""
        self.close()
        with _disk_errors(self._folder):
            self._part.replace(self.path)
            kept = sorted(self._folder.glob("*.csv.gz"), key=lambda p: p.stat().st_mtime_ns)
            for old in kept[: max(0, len(kept) - keep)]:
                old.unlink()


@contextmanager
def archived(context: RunContext, plan: DatasetPlan) -> Iterator[ArchiveFile | None]:
    """Where the dataset's download is also written; None if the manifest names no archive. The file is
    named by its run once the block ends well; what is unfinished stays for a later try to go on with."""
    wanted, folder = context.request.spec.archive, context.request.archive_folder
    if not wanted or not folder:
        yield None
        return
    archive = ArchiveFile(folder, plan.dataset, plan.year, context.request.run)
    try:
        yield archive
        archive.finish(wanted.keep_runs)
    finally:
        archive.close()


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise TargetUnavailable(
            f"the archive {folder} cannot be written: {exc.strerror}. Check the volume's space and rights"
        ) from exc
