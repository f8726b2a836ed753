"""How many examples the property tests here draw: many with ``HYPOTHESIS_PROFILE=chaos``."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "chaos"


def at_length(examples: int, *, short: int) -> settings:
    """``examples`` new ones each time, or a ``short`` look at the same few."""
    return settings(
        max_examples=examples if IS_LONG else short,
        derandomize=not IS_LONG,
        deadline=None,
        print_blob=IS_LONG,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
