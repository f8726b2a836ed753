"""When the operator counts as alive: by looks that went well, and by nothing else while some fail."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import pytest

from socratasync.controller.cluster.errors import (
    ClusterError,
    Conflict,
    JobRefused,
    NotThere,
    Refused,
    Unreachable,
)
from socratasync.controller.metrics.looks import Looks
from socratasync.controller.metrics.text import write
from socratasync.controller.observed.resource import Key

ONE, OTHER = Key("data", "one"), Key("data", "other")
ALIVE = "socratasync_operator_last_reconcile_timestamp_seconds"
FAILURES = "socratasync_operator_reconcile_failures_total"


class Story:
    """Looks, one each minute after the epoch: ``well``, ``listed``, or an error."""

    def __init__(self) -> None:
        self.minute = 0
        self.looks = Looks(lambda: datetime.fromtimestamp(self.minute * 60, UTC))

    def tell(self, *steps: tuple[Key | None, Exception | None]) -> Story:
        for key, error in steps:
            self.minute += 1
            with suppress(Exception), self.looks.at(key) if key else self.looks.at_all():
                if error:
                    raise error
        return self

    def numbers(self) -> dict[str, float]:
        text = b"".join(write(self.looks.families())).decode()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


LOST = Unreachable("no answer")
FORBIDDEN = Refused("roles are missing")


@pytest.mark.parametrize(
    ("steps", "alive_at"),
    [
        pytest.param([], 0, id="nothing yet: never"),
        pytest.param([(None, None)], 1, id="a listing"),
        pytest.param([(ONE, None), (None, LOST)], 1, id="a listing that fails"),
        pytest.param([(ONE, None), (ONE, LOST)], 1, id="a look that fails"),
        pytest.param([(ONE, FORBIDDEN), (None, None)], 0, id="looks fail, listings do not"),
        pytest.param([(ONE, FORBIDDEN), (OTHER, None)], 2, id="one resource's trouble"),
        pytest.param([(ONE, ValueError("a fault")), (None, None)], 0, id="a fault of its own"),
        pytest.param([(ONE, FORBIDDEN), (ONE, None), (None, None)], 3, id="mended"),
        pytest.param([(ONE, Conflict("changed")), (None, None)], 2, id="a conflict settles itself"),
        pytest.param([(ONE, JobRefused("quota")), (None, None)], 2, id="a refused Job was told"),
    ],
)
def test_the_operator_is_alive_when_a_look_last_went_well(
    steps: list[tuple[Key | None, Exception | None]], alive_at: int
) -> None:
    assert Story().tell(*steps).numbers()[ALIVE] == alive_at * 60


def test_a_resource_that_is_gone_fails_no_more() -> None:
    story = Story().tell((ONE, FORBIDDEN))
    assert story.looks.failing == {ONE}
    story.looks.forget(ONE)

    assert story.tell((None, None)).numbers()[ALIVE] == 120


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (LOST, "Unreachable"),
        (FORBIDDEN, "Refused"),
        (JobRefused("quota"), "JobRefused"),
        (Conflict("changed"), "Conflict"),
        (NotThere("no such kind"), "NotThere"),
        (ValueError("a fault"), "InternalError"),
        (ClusterError("of a kind to come"), "InternalError"),
    ],
)
@pytest.mark.parametrize("key", [ONE, None], ids=["of one", "of all"])
def test_failures_are_counted_by_reason_and_every_reason_is_there_with_0(
    key: Key | None, error: Exception, reason: str
) -> None:
    story = Story()
    before = story.numbers()
    after = story.tell((key, error)).numbers()
    counters = [name for name in before if name.startswith(FAILURES)]

    assert len(counters) == 6
    assert {before[name] for name in counters} == {0}
    assert {name: after[name] for name in counters if after[name]} == {
        f'{FAILURES}{{reason="{reason}"}}': 1
    }


def test_a_look_that_is_cancelled_is_no_failure() -> None:
    looks = Looks(lambda: datetime.fromtimestamp(60, UTC))
    with suppress(KeyboardInterrupt), looks.at(ONE):
        raise KeyboardInterrupt

    assert not looks.failing
