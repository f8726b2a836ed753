"""A portal that is asked while a person waits: few tries, and the secrets that the environment has."""

from __future__ import annotations

from collections.abc import Mapping

from socratasync.contract.environment import read_secrets
from socratasync.pipeline import request
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.process.signals import Interruption

TRIES = 3
"""Of each request; a run would try for longer."""

PATIENCE_S = 60.0
"""For an answer to begin; a run waits for as long as the portal works on a query."""


def portal(domain: str, environ: Mapping[str, str], interruption: Interruption) -> Source:
    """The portal, not asked yet."""
    given = read_secrets(environ)
    patience = request.read_policy(environ)
    return Source(
        domain,
        app_token=given.app_token,
        credentials=given.credentials,
        policy=patience.within(TRIES),
        timeouts=Timeouts(first_byte=PATIENCE_S),
        stopping=interruption.stopping,
    )
