"""What stays as it is through all nights of one example: the manifest, the clocks and the role."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from tests.chaos.history import Values
from tests.chaos.world import World
from tests.interfaces import Interface

Clock = Literal["right", "years ahead", "hours behind"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """``interface``: by which rows are read; None: the test's. ``clock``: the run's own. ``clocks_are_wrong``: the portal's is set ahead and back. ``meddled``: others
    alter the target. ``told``: there are hooks, and people to tell. ``slow_server``: PostgreSQL passes for
    the slower side, so that a page comes in by two connections."""

    interface: Interface | None = None
    datasets: int = 1
    key: str = "name"
    hand_kept: bool = False
    filtered: bool = False
    row_count: Literal["Warn", "Fail"] = "Warn"
    clock: Clock = "right"
    clocks_are_wrong: bool = False
    meddled: bool = False
    told: bool = False
    role: tuple[tuple[str, str], ...] = ()
    slow_server: bool = False

    def visible(self, values: Values) -> bool:
        """Whether a row meets the datasets' ``where``."""
        return not self.filtered or values["acres"] is None or int(values["acres"]) >= -1

    def datasets_of(self, ids: Sequence[str]) -> list[dict[str, str]]:
        """The manifest's datasets."""
        where = {"where": "acres is null or acres::number >= -1"} if self.filtered else {}
        return [{"id": id, **where} for id in ids]

    def now(self, world: World) -> datetime:
        """The time by the run's own clock. Years ahead, every change looks settled."""
        match self.clock:
            case "years ahead":
                return datetime.now(UTC)
            case "hours behind":
                return world.now - timedelta(hours=5)
            case _:
                return world.now + timedelta(minutes=1)

    def dsn(self, dsn: str) -> str:
        """The database, entered with the settings of the role."""
        options = " ".join(
            f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in self.role
        )
        return make_conninfo(dsn, options=options) if options else dsn


ROLES = st.sampled_from(
    [
        ("default_transaction_isolation", "repeatable read"),
        ("default_transaction_isolation", "serializable"),
        ("default_transaction_deferrable", "on"),
        ("statement_timeout", "2s"),
        ("lock_timeout", "1ms"),
        ("idle_in_transaction_session_timeout", "1ms"),
        ("idle_session_timeout", "500ms"),
        ("exit_on_error", "on"),
        ("quote_all_identifiers", "on"),
        ("array_nulls", "off"),
        ("transform_null_equals", "on"),
        ("timezone", "Asia/Kathmandu"),
        ("datestyle", "SQL, DMY"),
        ("intervalstyle", "sql_standard"),
        ("extra_float_digits", "-15"),
        ("bytea_output", "escape"),
        ("standard_conforming_strings", "off"),
        ("search_path", "pg_catalog"),
        ("client_min_messages", "error"),
        ("enable_hashjoin", "off"),
        ("enable_seqscan", "off"),
        ("jit", "off"),
        ("work_mem", "64kB"),
    ]
)
"""What a role may have set, and what no run may mind."""

_INTERFACE = st.sampled_from(["Auto", "SODA2", "SODA3"])
_RIGHT_OR_AHEAD = st.sampled_from(["right", "years ahead"])


def _setting(**words: Any) -> st.SearchStrategy[Setting]:
    """Settings that are so, and otherwise drawn."""
    given = {name: st.just(word) for name, word in words.items() if not _is_strategy(word)}
    drawn = {name: word for name, word in words.items() if _is_strategy(word)}
    usual = {"slow_server": st.booleans(), "clock": _RIGHT_OR_AHEAD, "interface": _INTERFACE}
    return st.builds(Setting, **{**usual, **given, **drawn})


def _is_strategy(word: object) -> bool:
    return isinstance(word, st.SearchStrategy)


SETTINGS: dict[str, st.SearchStrategy[Setting]] = {
    "one dataset": _setting(),
    "two datasets with keys in common": _setting(datasets=2),
    "a watermark that people keep": _setting(hand_kept=True),
    "a where": _setting(filtered=True, datasets=st.sampled_from([1, 2])),
    "the source's own key": _setting(key="socrata_id", filtered=st.booleans()),
    "counts that must be right": _setting(row_count="Fail", datasets=st.sampled_from([1, 2])),
    "clocks that are wrong": _setting(
        clocks_are_wrong=True,
        clock=st.sampled_from(["right", "hours behind"]),
        datasets=st.sampled_from([1, 2]),
    ),
    "others who alter the table": _setting(
        meddled=True,
        datasets=st.sampled_from([1, 2]),
        key=st.sampled_from(["name", "socrata_id"]),
    ),
    "hooks and people": _setting(told=True, datasets=st.sampled_from([1, 2])),
    "a role with settings": _setting(
        role=st.lists(ROLES, min_size=1, max_size=3, unique_by=lambda s: s[0]).map(tuple),
        datasets=2,
    ),
    "all at once": _setting(
        datasets=2,
        filtered=st.booleans(),
        row_count=st.sampled_from(["Warn", "Fail"]),
        meddled=True,
        told=True,
        clock="right",
        clocks_are_wrong=True,
    ),
}
