"""More than a thousand nights, drawn anew each time: three to five per draw, 32 draws of each setting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from tests.chaos.length import at_length
from tests.chaos.nights import NIGHTS, begin, end_quietly, live_through
from tests.chaos.setting import SETTINGS
from tests.listener import Listener
from tests.postgres.conftest import Sync

from socrata_simulator.portal.portal import Portal


@pytest.mark.interface("Auto")  # the setting says by which
@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_no_night_harms_the_data_and_a_quiet_one_puts_all_right(
    sync: Sync, portal: Portal, clock: Any, listener: Listener, setting: Any
) -> None:
    @at_length(32, short=2)
    @given(drawn=setting, nights=NIGHTS)
    def nights_pass(drawn: Any, nights: list[Any]) -> None:
        judge = begin(sync, portal, clock, drawn, listener)
        live_through(judge, nights, drawn)
        end_quietly(judge, drawn)

    nights_pass()
