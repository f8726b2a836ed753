"""Many datasets that nobody would make, each loaded by the manifest that is proposed for it."""

from __future__ import annotations

import pytest
from tests.generated_datasets import generated
from tests.proposals import Proposals, check

from socrata_simulator.http.server import Server
from socrata_simulator.portal.portal import Portal


@pytest.mark.parametrize("seed", range(5))
def test_two_hundred_datasets_load_as_proposed(
    portal: Portal, socrata: Server, dsn: str, seed: int
) -> None:
    proposals = Proposals(portal, socrata.domain, dsn)
    for made in generated(portal, 200, seed):
        check(made, proposals.loaded(made.dataset.id))
