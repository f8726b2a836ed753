"""What a test leaves open is told of at that test.

Python warns of a forgotten file or connection whenever it happens to collect it: in a later test, which has nothing to
do with it and fails. So where more files are open after a test than before it, what nobody refers to is collected at
once. The same is done at a test file's end, where its own fixtures end.
"""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

_FILES = Path("/proc/self/fd")


class LeftOpen:
    """A plugin that fails the test, or the last test of the file, that left something open and lost it."""

    def __init__(self) -> None:
        self._file: Path | None = None
        self._before_file = self._before_test = 0

    def pytest_collection_finish(self) -> None:
        """What is there before the first test, modules and all tests, is never garbage: nobody need look through it."""
        gc.collect()
        gc.freeze()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Counts before any fixture of the test is made."""
        self._before_test = _open_files()
        if item.path != self._file:
            self._file, self._before_file = item.path, self._before_test

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Iterator[None]:
        """Counts again once its fixtures are gone."""
        yield
        is_last = nextitem is None or nextitem.path != item.path
        now = _open_files()
        if now > self._before_test or (is_last and now > self._before_file):
            lost = _collect()
            assert not lost, f"left open: {'; '.join(lost)}"


def _open_files() -> int:
    return len(os.listdir(_FILES))


def _collect() -> list[str]:
    """What was open and is nobody's any more; closed hereby."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        gc.collect()
    return [str(each.message) for each in told if issubclass(each.category, ResourceWarning)]
