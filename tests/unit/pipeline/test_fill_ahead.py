from __future__ import annotations

import pytest

from socratasync.pipeline.merge.fill_ahead import waits_too_long


@pytest.mark.parametrize(
    ("waited_s", "worked_s", "too_long"),
    [
        pytest.param(0, 0, False, id="just begun"),
        pytest.param(60, 0, False, id="a minute is nothing"),
        pytest.param(61, 1, True, id="a source that stalls"),
        pytest.param(61, 61, False, id="as long as it works"),
        pytest.param(3600, 3500, True, id="a source that became slower"),
    ],
)
def test_a_transaction_may_wait_a_minute_or_as_long_as_it_works(
    waited_s: float, worked_s: float, too_long: bool
) -> None:
    assert waits_too_long(waited_s, worked_s, longest_idle_s=60) is too_long
