"""Whatever a source goes through while it is read, no run harms the data, and a quiet night puts all
right. The long form, with runs that are killed, is in ``tests/chaos``.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.chaos.nights import NIGHTS, SETTING, Setting, begin, end_quietly, live_through
from tests.postgres.conftest import Sync

from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.usefixtures("foretold")


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(setting=SETTING, nights=NIGHTS)
def test_no_night_harms_the_data_and_a_quiet_one_puts_all_right(
    sync: Sync, portal: Portal, clock: Any, pace: str, setting: Setting, nights: list[Any]
) -> None:
    judge = begin(sync, portal, clock, setting)

    live_through(judge, nights, setting)

    end_quietly(judge, setting)
