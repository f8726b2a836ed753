"""The annotations by which people ask something of a SocrataSync. A new value is a new request.

A request to run that comes while a run is active waits for its end; while suspended it is refused,
with an event. The status names the last value of each that was acted on. Values are compared by
their first 253 characters.
"""

from __future__ import annotations

from typing import Final

from socratasync.api.manifest import GROUP

REQUESTED: Final = f"{GROUP}/requestedAt"
"""Run now, beside the schedule; then in ``status.lastHandledReconcileAt``."""

FULL: Final = f"{GROUP}/full"
"""The same as one full run; then in ``status.lastHandledFullAt``. With words such as ``year=2020`` in the value it is a
one-off run of what they select (``selection.read_request``)."""

CANCEL: Final = f"{GROUP}/cancelAt"
"""Stop the active run; in ``status.lastHandledCancelAt`` when that is over, or if there is none."""
