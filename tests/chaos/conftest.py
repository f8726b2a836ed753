"""The long form of the tests of data safety: ``make chaos``."""

from __future__ import annotations

from tests.postgres.conftest import pace, slow_server, sync

__all__ = ["pace", "slow_server", "sync"]
