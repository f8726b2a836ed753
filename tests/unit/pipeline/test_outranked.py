from __future__ import annotations

import pytest

from socratasync.pipeline.merge.outranked import MOST_ASKED, are_many


@pytest.mark.parametrize(
    ("rows", "many"), [(0, False), (MOST_ASKED, False), (MOST_ASKED + 1, True)]
)
def test_up_to_a_thousand_rows_are_asked_for(rows: int, many: bool) -> None:
    assert are_many(range(rows)) is many
