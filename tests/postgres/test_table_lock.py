"""Who may write the target: locks of a real server, held by transactions and told by their numbers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import psycopg
import pytest

from socratasync.errors import TargetBusy
from socratasync.pipeline.target.connection import Connection, Connections
from socratasync.pipeline.target.table_lock import RunLock, TableLock, exclusive, is_loading

LOCK = TableLock("public.parks")


@pytest.fixture
def connect(dsn: str) -> Iterator[Callable[[], Connection]]:
    """More connections like a run's own, with little patience for strangers."""
    connections = Connections(dsn, target_wait_s=0.2)
    opened = []

    def one() -> Connection:
        opened.append(connections.connect())
        return opened[-1].__enter__()

    yield one
    for each in opened:
        each.__exit__(None, None, None)


def waiting(connection: Connection) -> bool:
    """Whether somebody waits for an advisory lock of this database."""
    row = connection.execute(
        "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database ="
        " (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone()
    return row is not None


def at_once(connection: Connection, kind: str = "", lock: TableLock = LOCK) -> bool:
    """Whether the lock could be had without waiting."""
    take = f"SELECT pg_try_advisory_xact_lock{kind}(%(lock)s)"
    row = connection.execute(take.encode(), lock.words).fetchone()
    return row is not None and bool(row[0])


class Later:
    """Somebody who takes the lock in a transaction of its own, in another thread."""

    def __init__(self, connection: Connection, take: Callable[[Connection], None]) -> None:
        self.has_it = threading.Event()
        self._may_end = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(connection, take), daemon=True)
        self._thread.start()

    def _work(self, connection: Connection, take: Callable[[Connection], None]) -> None:
        with connection.transaction():
            take(connection)
            self.has_it.set()
            self._may_end.wait(10)

    def end(self) -> None:
        self._may_end.set()
        self._thread.join(10)


def until_it_waits(connection: Connection) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if waiting(connection):
            return
        pause.wait(0.01)
    pytest.fail("nobody waits")


def test_datasets_that_only_add_rows_share_the_table(connect: Callable[[], Connection]) -> None:
    one, two = connect(), connect()

    with one.transaction(), two.transaction():
        LOCK.shared(one)
        LOCK.shared(two)
        assert at_once(two, "_shared")
        assert not at_once(two)


@pytest.mark.parametrize("take", [LOCK.shared, LOCK.exclusive], ids=["shared", "exclusive"])
def test_who_comes_later_waits_for_one_that_is_alone_longer_than_for_a_stranger(
    connect: Callable[[], Connection], take: Callable[[Connection], None]
) -> None:
    one, look = connect(), connect()

    with one.transaction():
        LOCK.exclusive(one)
        later = Later(connect(), take)
        until_it_waits(look)
        assert not later.has_it.wait(0.5), "longer than the session waits for locks"
    assert later.has_it.wait(10)
    later.end()


def test_nobody_new_shares_while_somebody_waits_to_be_alone(
    connect: Callable[[], Connection],
) -> None:
    one, look = connect(), connect()

    with one.transaction():
        LOCK.shared(one)
        later = Later(connect(), LOCK.exclusive)
        until_it_waits(look)
        with look.transaction():
            assert not at_once(look, "_shared")
    assert later.has_it.wait(10)
    later.end()


@pytest.mark.parametrize("how", ["it commits", "it fails", "it is gone"])
def test_a_lock_ends_with_its_transaction(connect: Callable[[], Connection], how: str) -> None:
    one, two = connect(), connect()

    try:
        with one.transaction():
            LOCK.exclusive(one)
            if how == "it fails":
                one.execute("SELECT 1 / 0")
            if how == "it is gone":
                two.execute("SELECT pg_terminate_backend(%s, 5000)", [one.info.backend_pid])
                one.execute("SELECT 1")
    except psycopg.Error:
        assert how != "it commits"

    with two.transaction():
        assert at_once(two)


def test_waiting_leaves_the_sessions_own_patience_as_it_was(
    connect: Callable[[], Connection],
) -> None:
    one = connect()

    with one.transaction():
        LOCK.shared(one)
        assert one.execute("SHOW lock_timeout").fetchone() == ("200ms",)
    assert one.execute("SHOW lock_timeout").fetchone() == ("200ms",)


def test_another_tables_lock_is_another_lock(connect: Callable[[], Connection]) -> None:
    one, two = connect(), connect()

    with one.transaction(), two.transaction():
        LOCK.exclusive(one)
        assert at_once(two, lock=TableLock("public.other"))


def test_one_run_at_a_time_holds_a_target(connect: Callable[[], Connection]) -> None:
    one, two = connect(), connect()

    with exclusive(one, "public.parks", 0.2) as lock:
        lock.check(two)
        assert is_loading(two, "public.parks")
        assert not is_loading(two, "public.other")
        with pytest.raises(TargetBusy), exclusive(two, "public.parks", 0.1):
            pass
    assert not is_loading(two, "public.parks")


@pytest.mark.parametrize(
    "lock",
    [
        pytest.param(lambda held: RunLock(target="public.other", holder=held.holder), id="another"),
        pytest.param(lambda held: RunLock(target=held.target, holder=1), id="of another session"),
    ],
)
def test_a_lock_is_asked_for_by_its_number_and_holder(
    connect: Callable[[], Connection], lock: Callable[[RunLock], RunLock]
) -> None:
    one, two = connect(), connect()

    with exclusive(one, "public.parks", 0.2) as held, two.transaction():
        LOCK.exclusive(two)  # some advisory lock of the holder's proves nothing
        with one.transaction():
            TableLock("public.else").shared(one)
            with pytest.raises(TargetBusy):
                lock(held).check(two)
