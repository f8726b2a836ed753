from __future__ import annotations

import pytest
from pydantic import ValidationError

from socratasync.api.status import SyncStatus

STATUS = {
    "observedGeneration": 2,
    "phase": "Syncing",
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": "All is well.",
            "lastTransitionTime": "2026-01-02T03:04:05Z",
        }
    ],
    "datasets": [{"id": "rq3b-xjk8", "year": 2020, "sourceRows": 3, "rows": {"inserted": 3}}],
    "activeRun": {"job": "la-311-1", "progress": {"stage": "download", "rows": 1, "percent": 33.3}},
    "history": [{"job": "la-311-0", "mode": "full", "result": "Succeeded"}],
}


def test_a_status_survives_being_written() -> None:
    status = SyncStatus.model_validate(STATUS)

    assert SyncStatus.model_validate(status.as_manifest()) == status


def test_an_empty_status_is_a_status() -> None:
    assert SyncStatus.model_validate({}).as_manifest() == {}


def test_only_the_last_ten_runs_are_remembered() -> None:
    with pytest.raises(ValidationError, match="at most 10 items"):
        SyncStatus.model_validate({"history": [{"job": f"run-{n}"} for n in range(11)]})
