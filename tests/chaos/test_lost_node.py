"""How long a lost node holds up the next run, with the patience that a run has of itself."""

from __future__ import annotations

import pytest
from tests.interfaces import Interface
from tests.postgres.lost_node import apart, lose_the_node

from socrata_simulator.portal.portal import Portal
from socratasync.pipeline.target.session import SILENCE_S


def test_the_run_after_a_lost_node_starts_within_90_seconds(
    portal: Portal, socrata_interface: Interface, monkeypatch: pytest.MonkeyPatch
) -> None:
    with apart(portal, socrata_interface, monkeypatch) as machines:
        worker_s, server_s = lose_the_node(machines, SILENCE_S)

        assert (worker_s < 90, server_s < 90) == (True, True), (worker_s, server_s)
        assert machines.sync.one().rows.updated == 1
