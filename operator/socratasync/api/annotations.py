"""What people ask of a SocrataSync by annotation: each a token that means something by being new."""

from __future__ import annotations

from typing import Final

from socratasync.api.manifest import GROUP

REQUESTED: Final = f"{GROUP}/requestedAt"
FULL: Final = f"{GROUP}/full"
CANCEL: Final = f"{GROUP}/cancelAt"
