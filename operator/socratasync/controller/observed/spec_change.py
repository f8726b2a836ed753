"""Which edits of a spec make a run at once: those that alter what is loaded. Pure.

Suspending, rescheduling, history limits, freshness, notifications, hooks and the pod's own settings
take effect with the next run; the data would be the same.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from socratasync.api.spec import SyncSpec

_ALTERS_THE_LOAD: dict[str, Any] = {
    "domain": True,
    "datasets": True,
    "years": True,
    "mode": True,
    "since": True,
    "source": {"app_token_secret_ref", "credentials_secret_ref", "watermark"},
    "target": True,
}


def fingerprint(spec: SyncSpec) -> str:
    """Sixteen hex digits that differ when, and only when, what is loaded differs.

    Secrets count by reference: the operator cannot see their values. The app token is among them
    because another one is how ``InvalidAppToken`` is repaired.
    """
    loaded = spec.model_dump(mode="json", by_alias=True, include=_ALTERS_THE_LOAD)
    text = json.dumps(loaded, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
