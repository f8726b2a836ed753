from __future__ import annotations

import pytest

from socratasync.pipeline.merge.page_writer import Effort


@pytest.mark.parametrize(
    ("open_s", "worked_s", "too_little"),
    [
        pytest.param(0, (), False, id="just begun"),
        pytest.param(60, (), False, id="a minute is nothing"),
        pytest.param(62, (1,), True, id="a source that stalls"),
        pytest.param(122, (30, 31), False, id="as long as it works"),
        pytest.param(7100, (3000, 500), True, id="a source that became slower"),
    ],
)
def test_a_transaction_may_wait_a_minute_or_as_long_as_it_works(
    open_s: float, worked_s: tuple[float, ...], too_little: bool
) -> None:
    effort = Effort(began := 1000.0)
    for seconds in worked_s:
        effort.add(2000.0, 2000.0 + seconds)

    assert effort.is_too_little(began + open_s, longest_idle_s=60) is too_little
