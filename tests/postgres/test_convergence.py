"""Whatever a source goes through while it is read, no run harms the data, and a quiet night puts all
right: a hundred nights and more, three to five in a row. The long form, with runs that are killed, is in
``tests/chaos``.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from tests.chaos.nights import NIGHTS, begin, end_quietly, live_through
from tests.chaos.setting import SETTINGS
from tests.listener import Listener
from tests.postgres.conftest import Sync

from socrata_simulator.portal.portal import Portal

pytestmark = pytest.mark.usefixtures("foretold")


@pytest.mark.interface("Auto")  # the setting says by which
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_no_night_harms_the_data_and_a_quiet_one_puts_all_right(
    sync: Sync, portal: Portal, clock: Any, listener: Listener, setting: Any
) -> None:
    @settings(
        max_examples=2,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(drawn=setting, nights=NIGHTS)
    def nights_pass(drawn: Any, nights: list[Any]) -> None:
        judge = begin(sync, portal, clock, drawn, listener)
        live_through(judge, nights, drawn)
        end_quietly(judge, drawn)

    nights_pass()
