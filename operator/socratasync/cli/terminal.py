"""What a person at a terminal sees of a run: a bar for each dataset, with log lines above them.

Results go to standard output, bars and log lines to standard error. A pipe, or a terminal that cannot
move its cursor, gets log lines instead of bars (``contract.progress.Logged``).
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

WIDTH_OF_A_PIPE = 100
"""Columns of a table where there is no window: as many as e-mails and log viewers show well."""


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
    """A stream that prints log lines above the bars."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> int:
        """Print the text above the bars, unwrapped and unstyled."""
        if line := text.rstrip("\n"):
            self._console.print(Text(line), soft_wrap=True)
        return len(text)


class Bars:
    """A run's progress, shown as one bar for each dataset. Calls come from several threads."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._tasks: dict[str, TaskID] = {}
        self._guard = threading.Lock()

    def begin(self, dataset: str, stage: str, total: int | None) -> None:
        """Start a step: the dataset's bar begins again; it pulses if ``total`` is None."""
        with self._guard:
            if (task := self._tasks.get(dataset)) is None:
                fields: dict[str, Any] = {"stage": stage, "rows": 0, "bytes": 0}
                self._tasks[dataset] = self._shown.add_task(dataset, total=total, **fields)
                return
            fields = {**self._shown.tasks[task].fields, "stage": stage}
            if stage == "download":
                fields["rows"] = 0
            self._shown.reset(task, total=total, **fields)
            self._shown.tasks[task].total = total  # reset() keeps the old total if it is given None

    def advance(self, dataset: str, rows: int, wire_bytes: int) -> None:
        """Add rows and received bytes to the dataset's bar."""
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
        """Fill the dataset's bar, whether it failed or not: the outcome is in the report."""
        with self._guard:
            if (task := self._tasks.get(dataset)) is not None:
                self._shown.update(task, total=1, completed=1, stage="")


@contextmanager
def bars(console: Console) -> Iterator[Bars]:
    """Bars that move while the block runs, and stay on the screen when it ends."""
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
    """Rows so far, such as ``12,000/120,000 rows``."""

    def render(self, task: Task) -> Text:
        """The column's text; empty for steps that count no rows."""
        rows, downloading = task.fields["rows"], task.fields["stage"] == "download"
        if not rows and not (downloading and task.total):
            return Text("")
        total = f"/{int(task.total):,}" if task.total and downloading else ""
        return Text(f"{rows:,}{total} rows")


class RateColumn(ProgressColumn):
    """Rows per second, such as ``54,321/s``."""

    def render(self, task: Task) -> Text:
        """The column's text; empty unless the step is the download."""
        speed = task.speed if task.fields["stage"] == "download" else None
        return Text(f"{int(speed):,}/s" if speed else "", style="cyan")


class BytesColumn(ProgressColumn):
    """Bytes received, as compressed by the source, such as ``1.2 MB``."""

    def render(self, task: Task) -> Text:
        """The column's text; empty before the first bytes."""
        received = task.fields["bytes"]
        return Text(megabytes(received) if received else "", style="green")


def megabytes(size: float) -> str:
    """A size for people, such as ``0.4 MB`` or ``1,234 MB``."""
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"
