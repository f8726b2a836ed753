"""What the datasets of one run share."""

from __future__ import annotations

from dataclasses import dataclass

from socratasync.pipeline.journal import Journal
from socratasync.pipeline.request import Circumstances, Order
from socratasync.pipeline.source.client import Source
from socratasync.pipeline.target.bookkeeping import Ledger
from socratasync.pipeline.target.connection import Connections
from socratasync.pipeline.target.table_lock import Turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """``table``: the columns (name, type) of a target still to be made, without provenance."""

    order: Order
    how: Circumstances
    source: Source
    connections: Connections
    ledger: Ledger
    journal: Journal
    table: tuple[tuple[str, str], ...]
    turns: Turns

    @property
    def several(self) -> bool:
        """Whether more than one dataset is loaded, so that two may arrive at once."""
        return len(self.order.spec.selected_datasets()) > 1
