"""``status.successors[]`` of a SocrataSync: datasets of the portal that follow those of ``spec.datasets``.

Only the operator writes it, from what the worker reports of the portal's catalogue and of the bookkeeping.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, StrictBool

from socratasync.api.status_parts import Count, Instant, Part, Sentence, Word256

SUCCESSORS: Final = 20
"""How many are told of, those that were adopted first."""
COLUMNS: Final = 20
"""How many columns of each difference are named."""

Columns = Annotated[tuple[Word256, ...], Field(max_length=COLUMNS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessorStatus(Part):
    """A dataset that follows those of the manifest."""

    id: Annotated[str, Field(max_length=64)]
    """Its 4x4 id."""
    year: Count | None = None
    """The year in its name; absent for one that the description of a dataset names."""
    name: Word256 | None = None
    """Its name at the portal."""
    adopted: StrictBool = False
    """Whether it is loaded as if spec.datasets named it."""
    found_at: Instant | None = None
    """When the first run ended that found it."""
    adopted_at: Instant | None = None
    """When the first run ended that had loaded it; absent while it is not adopted."""
    columns_missing: Columns | None = None
    """Columns that the newest dataset fills and that it lacks."""
    columns_new: Columns | None = None
    """Columns that it has and the newest dataset does not."""
    columns_changed: Columns | None = None
    """Columns that have another type than in the newest dataset."""
    reason: Sentence | None = None
    """Why it is not adopted, as a sentence to act on."""
