"""What a person at a terminal sees of a run: a bar for each dataset, log lines above them.

Standard output is for results; bars and log lines go to standard error. In a pipe, or on a
terminal that cannot move its cursor, there are no bars but log lines (``progress.Logged``).
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from socratasync.contract.progress import StepName

WIDTH_OF_A_PIPE = 100
"""Lines that nobody's window limits: as long as an e-mail or a log viewer shows well."""


def output(*, pipe_width: int = WIDTH_OF_A_PIPE) -> Console:
    """Standard output, for results."""
    return _console(stderr=False, pipe_width=pipe_width)


def messages() -> Console:
    """Standard error, for everything else."""
    return _console(stderr=True)


def _console(*, stderr: bool, pipe_width: int = WIDTH_OF_A_PIPE) -> Console:
    console = Console(stderr=stderr, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = pipe_width
    return console


def has_bars(console: Console) -> bool:
    """Whether the console can show something that moves."""
    return console.is_terminal and not console.is_dumb_terminal


class Lines(io.TextIOBase):
    """A stream for log lines that keeps out of the bars' way."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        """Print whole lines above the bars, as they are."""
        if line := text.rstrip("\n"):
            self._console.print(Text(line), soft_wrap=True)
        return len(text)


class Bars:
    """A run's progress, shown as one bar for each dataset. Calls come from several threads."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._tasks: dict[str, TaskID] = {}
        self._guard = threading.Lock()

    def begin(self, dataset: str, step: StepName, total: int | None) -> None:
        """A step starts: the dataset's bar begins anew, and pulses if nobody knows how long it is."""
        with self._guard:
            if (task := self._tasks.get(dataset)) is None:
                fields: dict[str, Any] = {"stage": step, "rows": 0, "bytes": 0}
                self._tasks[dataset] = self._shown.add_task(dataset, total=total, **fields)
                return
            fields = {**self._shown.tasks[task].fields, "stage": step}
            if step == "download":
                fields["rows"] = 0
            self._shown.reset(task, total=total, **fields)
            self._shown.tasks[task].total = total  # reset() takes None for "as it was"

    def advance(self, dataset: str, rows: int, wire_bytes: int) -> None:
        """So many rows and bytes more."""
        with self._guard:
            task = self._tasks[dataset]
            fields = self._shown.tasks[task].fields
            self._shown.update(
                task,
                advance=rows,
                rows=fields["rows"] + rows,
                bytes=fields["bytes"] + wire_bytes,
            )

    def finish(self, dataset: str) -> None:
        """Nothing more comes: the bar is full, whatever the outcome; the report tells that."""
        with self._guard:
            if (task := self._tasks.get(dataset)) is not None:
                self._shown.update(task, total=1, completed=1, stage="")


@contextmanager
def bars(console: Console) -> Iterator[Bars]:
    """Bars on the console for as long as the block lasts; they stay when it ends."""
    with Progress(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}"),
        TextColumn("[dim]{task.fields[stage]:<8}"),
        BarColumn(bar_width=24),
        RowsColumn(),
        RateColumn(),
        BytesColumn(),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=console,
        refresh_per_second=8,
    ) as shown:
        yield Bars(shown)


class RowsColumn(ProgressColumn):
    """``12,000/120,000 rows``."""

    def render(self, task: Task) -> Text:
        """Nothing for steps that count no rows."""
        rows, downloading = task.fields["rows"], task.fields["stage"] == "download"
        if not rows and not (downloading and task.total):
            return Text("")
        total = f"/{int(task.total):,}" if task.total and downloading else ""
        return Text(f"{rows:,}{total} rows")


class RateColumn(ProgressColumn):
    """``54,321/s``."""

    def render(self, task: Task) -> Text:
        """Rows a second, of late; only while rows come in."""
        speed = task.speed if task.fields["stage"] == "download" else None
        return Text(f"{int(speed):,}/s" if speed else "", style="cyan")


class BytesColumn(ProgressColumn):
    """``1.2 MB`` received, compressed as they came."""

    def render(self, task: Task) -> Text:
        """Nothing before the first bytes."""
        received = task.fields["bytes"]
        return Text(megabytes(received) if received else "", style="green")


def megabytes(size: float) -> str:
    """``0.4 MB``, ``1,234 MB``: a size for people."""
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"
