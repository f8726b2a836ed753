"""The long form of the tests of data safety: ``make chaos``."""

from __future__ import annotations

from tests.postgres.conftest import listener, sync

__all__ = ["listener", "sync"]
