"""When a lease is anybody's: judged by one's own clock and by what changes, never by what others' clocks say."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from kubernetes.aio import client
from tests.unit.controller.conftest import at

from socratasync.controller.cluster.client import Cluster
from socratasync.controller.cluster.errors import Unreachable
from socratasync.controller.health import Health
from socratasync.controller.leader import HELD_S, LASTS_S, is_free, look

Object = dict[str, Any]


def lease(**spec: Any) -> Object:
    usual = {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "renewTime": "t1",
        "leaseTransitions": 0,
    }
    return {"spec": {**usual, **spec}}


@pytest.mark.parametrize(
    ("looks", "free"),
    [
        pytest.param([(0, lease())], False, id="seen for the first time, however old it says it is"),
        pytest.param([(0, lease()), (15, lease())], False, id="unchanged for as long as it lasts"),
        pytest.param([(0, lease()), (15.1, lease())], True, id="unchanged for longer"),
        pytest.param([(0, lease()), (14, lease(renewTime="t2")), (20, lease(renewTime="t2"))], False, id="renewed"),
        pytest.param([(0, lease()), (14, lease(renewTime="t0")), (20, lease(renewTime="t0"))], False,
                     id="renewed by a clock that was set back"),
        pytest.param([(0, lease()), (14, lease(holderIdentity="b")), (20, lease(holderIdentity="b"))], False,
                     id="taken by another"),
        pytest.param([(0, lease(holderIdentity=""))], True, id="given back"),
        pytest.param([(0, {})], True, id="nobody's yet"),
        pytest.param([(0, lease(leaseDurationSeconds=60)), (59, lease(leaseDurationSeconds=60))], False,
                     id="it says itself how long it lasts"),
        pytest.param([(0, lease(leaseDurationSeconds=None)), (15.1, lease(leaseDurationSeconds=None))], True,
                     id="one that does not say it lasts as long as ours"),
    ],
)  # fmt: skip
def test_a_lease_is_anybodys_once_nothing_of_it_changed_for_long_enough(
    looks: list[tuple[float, Object]], free: bool
) -> None:
    seen = None
    for now, found in looks:
        seen = look(found, seen, now)

    assert seen is not None
    assert is_free(seen, looks[-1][0]) is free


def test_its_holder_stops_well_before_another_may_begin() -> None:
    assert HELD_S <= LASTS_S * 2 / 3


def test_without_the_lease_nothing_is_written_but_the_lease() -> None:
    async def write() -> None:
        nowhere = client.Configuration(host="http://[::1]:1")
        cluster = Cluster(nowhere)
        cluster.may_write = lambda: False
        try:
            with pytest.raises(Unreachable, match="does not hold the lease"):
                await cluster.create_job({"metadata": {"namespace": "data"}})
            with pytest.raises(Unreachable, match="does not answer"):
                await cluster.get_job("data", "a")
            with pytest.raises(Unreachable, match="does not answer"):
                await cluster.create_lease({"metadata": {"namespace": "data"}})
        finally:
            await cluster.close()

    asyncio.run(write())


def test_who_stands_by_is_ready_for_as_long_as_the_lease_is_seen() -> None:
    now = at("2026-11-23T07:00")
    health = Health(lambda: now, lambda: None)

    assert "starting" in str(health.why_not_ready())
    health.stood_by = now
    assert health.why_not_ready() is None
    assert health.why_dead() is None
    now += timedelta(minutes=1)
    assert "has not shown the lease" in str(health.why_not_ready())
    health.watching = True  # it works now: what counts is what it sees
    assert "lease" not in (health.why_not_ready() or "lease")
