"""What goes wrong at a source, drawn by hypothesis and switched on in the simulated portal.

Drawn as plain tuples, since those are what a failing example is printed as.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from socrata_simulator.portal.faults import Fault

ODD = ("", "[" * 5000, "[7]", "null", '{"columns":[{"fieldName":7}]}', '"a"\n"1"\n')
"""Bodies with status 200 that are not what was asked for, and can pass for no answer."""

SOURCE_FAULTS = st.one_of(
    st.tuples(st.just("short"), st.integers(0, 3)),
    st.tuples(st.just("cut"), st.integers(1, 400)),
    st.tuples(st.just("cut packed"), st.integers(1, 200)),
    st.tuples(st.just("hang up"), st.integers(1, 200)),
    st.tuples(st.just("reset"), st.integers(0, 100)),
    st.tuples(st.just("status"), st.sampled_from([202, 204, 304, 408, 409, 429, 500, 502, 503])),
    st.tuples(st.just("somebody else"), st.sampled_from([200, 302, 400, 403, 404, 503])),
    st.tuples(st.just("the first page again")),
    st.tuples(st.just("odd"), st.sampled_from(ODD)),
    st.tuples(st.just("count"), st.sampled_from([-2, -1, 1, 2])),
)


def source_fault(what: tuple[Any, ...]) -> Fault:
    """The simulator's fault for a drawn one."""
    match what:
        case ("short", rows):
            return Fault.short_page(rows)
        case ("cut", at):
            return Fault.truncated(at)
        case ("cut packed", at):
            return Fault.truncated(at, compressed=True)
        case ("hang up", at):
            return Fault.hang_up(at)
        case ("reset", at):
            return Fault.reset(at)
        case ("status", status):
            return Fault.status(status)
        case ("somebody else", 200):
            return Fault.login_page()
        case ("somebody else", 302):
            return Fault.redirect("https://status.newtown.gov/")
        case ("somebody else", status):
            return Fault.firewall(status)
        case ("the first page again",):
            return Fault.same_page()
        case ("odd", body):
            kind = "text/csv" if body.startswith('"') else "application/json"
            return Fault.answer(body, content_type=kind)
        case ("count", more):
            return Fault.wrong_count(lambda right: max(0, right + more))
        case _:
            raise AssertionError(what)
