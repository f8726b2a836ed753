"""What a first load is said to cost."""

from __future__ import annotations

import pytest

from socratasync.suggest.sample import Sample
from socratasync.suggest.size import size_sentences

SAMPLE = Sample(rows=1000, size=400_000, wire=80_000)


@pytest.mark.parametrize(
    ("rows", "sample", "said"),
    [
        pytest.param(None, SAMPLE, [], id="not counted"),
        pytest.param(0, Sample(), ["0 rows."], id="no rows"),
        pytest.param(7, Sample(), ["7 rows."], id="no sample"),
        pytest.param(
            2_800_000,
            SAMPLE,
            [
                "2,800,000 rows of some 400 bytes: 224 MB to download, 1,120 MB of CSV, estimated from 1,000 of them.",
                "A first load takes PostgreSQL 14 s or more; a portal that sends 1 MB a second takes 4 min.",
            ],
            id="a large one",
        ),
        pytest.param(
            90_000_000,
            SAMPLE,
            [
                "90,000,000 rows of some 400 bytes: 7,200 MB to download, 36,000 MB of CSV, estimated from 1,000 of them.",
                "A first load takes PostgreSQL 8 min or more; a portal that sends 1 MB a second takes 2.0 h.",
            ],
            id="hours",
        ),
    ],
)
def test_size_and_time_follow_from_the_first_rows(
    rows: int | None, sample: Sample, said: list[str]
) -> None:
    assert size_sentences(rows, sample) == said
