from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from socratasync.api.status import STATUS as ADAPTER
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


def written(status: SyncStatus) -> Any:
    return ADAPTER.dump_python(status, mode="json", by_alias=True, exclude_none=True)


def test_a_status_survives_being_written() -> None:
    status = ADAPTER.validate_python(STATUS)

    assert written(status) == STATUS


def test_an_empty_status_is_a_status() -> None:
    assert written(ADAPTER.validate_python({})) == {}


def test_only_the_last_ten_runs_are_remembered() -> None:
    with pytest.raises(ValidationError, match="at most 10 items"):
        ADAPTER.validate_python({"history": [{"job": f"run-{n}"} for n in range(11)]})
