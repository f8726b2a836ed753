"""A machine that is gone without a word: both sides look for each other, and let go."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from tests.interfaces import Interface
from tests.postgres.lost_node import Apart, apart, lose_the_node

from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.target import session
from socratasync.pipeline.target.connection import Connections


@pytest.fixture(name="apart")
def _apart(
    portal: Portal, socrata_interface: Interface, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Apart]:
    with apart(portal, socrata_interface, monkeypatch) as given:
        yield given


def test_both_sides_give_up_one_that_fell_silent_and_the_next_run_goes_on(apart: Apart) -> None:
    """With little patience. How long a run's own takes is measured by `make chaos`."""
    both_sides_look_after_the_connection(apart)

    worker_s, server_s = lose_the_node(apart, silence_s=3)

    assert worker_s < 30
    assert server_s < 30
    assert apart.sync.one().rows.updated == 1


def both_sides_look_after_the_connection(apart: Apart) -> None:
    """The usual patience is in force: a minute at either side."""
    with Connections(apart.sync.dsn).connect() as connection:
        values = {
            name: connection.execute(
                "SELECT setting FROM pg_settings WHERE name = %s", [name]
            ).fetchone()
            for name in session.server_side(60)
        }
        with socket.socket(fileno=os.dup(connection.fileno())) as wire:
            options = [wire.getsockopt(socket.IPPROTO_TCP, option) for option in OPTIONS]

    assert values == {
        "tcp_keepalives_idle": ("30",),
        "tcp_keepalives_interval": ("10",),
        "tcp_keepalives_count": ("3",),
        "tcp_user_timeout": ("60000",),
        "client_connection_check_interval": ("10000",),
    }
    assert options == [30, 10, 3, 60_000]


OPTIONS = [
    socket.TCP_KEEPIDLE,
    socket.TCP_KEEPINTVL,
    socket.TCP_KEEPCNT,
    socket.TCP_USER_TIMEOUT,
]
