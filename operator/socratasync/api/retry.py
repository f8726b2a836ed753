"""``spec.retry``: when the operator itself tries a failed run again.

A Job tries its pod again within minutes; a database that is away for half an hour outlasts that.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field, StrictInt

from socratasync.api.rules import Block, Rule
from socratasync.api.times import TIMEOUT_SHAPE, up_to

Pause = Annotated[timedelta, up_to("24h")]


class RetrySpec(Block):
    """When a run that failed for a cause that passes is tried again, before the next one is due."""

    rules = (
        Rule(
            message="must not be shorter than interval: raise it, or lower interval",
            holds=lambda retry: retry.max_interval >= retry.interval,
            # A default of {} is checked before its own defaults are filled in.
            cel="!has(self.interval) || !has(self.maxInterval) || "
            f"![self.interval, self.maxInterval].all(d, d.size() > 0 && d.matches('{TIMEOUT_SHAPE}')) || "
            "duration(self.maxInterval) >= duration(self.interval)",
            field="maxInterval",
        ),
    )

    limit: Annotated[StrictInt, Field(ge=0, le=100)] = 10
    """How often a run is tried again at most: after its Job gave up with exit code 75, after its pod did not
    start in time, or was stopped by its node. 0: never. Not while suspended, and not once the next run is due."""
    interval: Pause = Field("1m", validate_default=True)
    """The pause before the first retry, counted from the end of the run that failed, such as 30s or 5m; it
    doubles with each."""
    max_interval: Pause = Field("1h", validate_default=True)
    """The longest pause, such as 1h."""
