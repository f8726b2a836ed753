"""The long form of the tests of data safety: ``make chaos``."""

from __future__ import annotations

from tests.chaos.length import IS_LONG
from tests.postgres.conftest import sync

__all__ = ["sync"]

collect_ignore = [] if IS_LONG else ["test_lost_node.py"]
"""What waits for more than a minute; tests/postgres/ has the same with less patience."""
