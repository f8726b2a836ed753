"""What people do at a source at night, and what goes wrong meanwhile, to be drawn by hypothesis.

Drawn as plain tuples, since those are what a failing example is printed as.
"""

from __future__ import annotations

from hypothesis import strategies as st
from tests.source_faults import SOURCE_FAULTS

KEYS = st.integers(0, 9).map(lambda n: f"k{n}") | st.just("k0") | st.none()
NUMBERS = st.none() | st.integers(-3, 3)
PLACES = st.integers(0, 20)
LATE = st.sampled_from([0, 1, 20, 47, None, "3020"])

ROWS = st.one_of(
    st.tuples(st.just("insert"), KEYS, NUMBERS, LATE),
    st.tuples(st.just("update"), PLACES, NUMBERS, LATE),
    st.tuples(st.just("update"), PLACES, NUMBERS, LATE),
    st.tuples(st.just("rekey"), PLACES, KEYS, LATE),
    st.tuples(st.just("rekey"), PLACES, KEYS, LATE),
    st.tuples(st.just("touch"), PLACES),
    st.tuples(st.just("delete"), PLACES),
    st.tuples(st.just("republish"), PLACES, st.integers(1, 4)),
)
WHOLE = st.one_of(
    st.tuples(st.just("replace")),
    st.tuples(st.just("truncate"), st.integers(0, 5)),
    st.tuples(st.just("go on")),
    st.tuples(st.just("lag"), st.integers(1, 6)),
    st.tuples(st.just("catch up")),
    st.tuples(st.just("clock"), st.sampled_from([0, 0, 1, 3, 30])),
)
"""``clock``: by how many hours the portal's clock is ahead from now on, where clocks may be wrong. One that is
behind the true time, so that changes are stamped older than what was read, no run can see by."""
COLUMNS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from([None, "x", "y"])),
    st.tuples(st.just("drop")),
    st.tuples(st.just("rename")),
    st.tuples(st.just("retype")),
)
CHANGE = st.integers(0, 39).flatmap(lambda n: ROWS if n > 6 else WHOLE if n else COLUMNS)
"""Columns change seldom: all is read anew then, which hides what an update would miss."""
CHANGES = st.lists(st.tuples(st.integers(0, 1), CHANGE), min_size=1, max_size=7)

WHEN = st.sampled_from(["before", "before", "midway", "afterwards"])
TROUBLE = st.integers(0, 20).flatmap(
    lambda n: (
        st.tuples(st.just("change"), WHEN, CHANGE)
        if n > 8
        else st.tuples(st.just("fault"), SOURCE_FAULTS)
        if n > 1
        else st.tuples(st.just("soda2 ends"), st.sampled_from([410, 501, 404, 403]))
        if n
        else st.tuples(st.just("stop"))
    )
)
ON = st.sampled_from(["rows", "rows", "rows", "count", "count", "metadata", "any"])
TROUBLES = st.lists(
    st.tuples(st.integers(0, 1), ON, st.integers(0, 5), TROUBLE), min_size=1, max_size=5
)

LIES = ("count", "short", "cut")
"""Source faults that look like an answer, but are wrong."""
