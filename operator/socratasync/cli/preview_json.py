"""A preview of a run, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from socratasync.api.manifest import Manifest
from socratasync.api.refresh import RefreshSpec
from socratasync.cli import preview_indexes
from socratasync.cli.preview_table import afterwards
from socratasync.contract.report import error_dict
from socratasync.errors import SyncError
from socratasync.pipeline.plan.following import Followed
from socratasync.pipeline.plan.keys import SharedKeys
from socratasync.pipeline.plan.model import DatasetPlan
from socratasync.pipeline.plan.partitions import how_made
from socratasync.pipeline.preview import DatasetPreview, Found, Preview
from socratasync.pipeline.stage.trial import Tried
from socratasync.times import write_instant


def as_dict(manifest: Manifest, planned: Preview, warnings: list[str]) -> dict[str, Any]:
    """The preview, version 1. Its bytes are an estimate."""
    found = planned.found
    return {
        "v": 1,
        "name": manifest.name,
        "mode": planned.mode,
        "target": {
            "table": found.state.target.name,
            "exists": found.state.target.exists,
            "estimatedRows": found.state.before.rows,
            "statements": planned.statements,
            "partitions": how_made(planned.partitioned),
        },
        "datasets": [_dataset(d, outcome) for d, outcome in planned.datasets.items()],
        "successors": _successors(planned.followed),
        "indexes": preview_indexes.as_dict(planned),
        "then": afterwards(manifest.spec, planned),
        "sql": _sql(manifest.spec.refresh, found),
        "warnings": [*warnings, *(planned.followed.warnings if planned.followed else ())],
        "error": error_dict(planned.error),
    }


def _sql(refresh: RefreshSpec, found: Found) -> dict[str, Any] | None:
    """None where the manifest has none. ``isNew``: it is run though no row changed."""
    if not refresh.script:
        return None
    return {"statements": len(refresh.script), "isNew": found.sql_is_new}


def _successors(followed: Followed | None) -> list[dict[str, Any]] | None:
    """None where nobody could look."""
    if followed is None or followed.successors is None:
        return None
    return [
        {**each.as_dict(), "adopts": each.id in followed.adopting} for each in followed.successors
    ]


def _dataset(dataset: str, outcome: DatasetPreview | SyncError) -> dict[str, Any]:
    if isinstance(outcome, SyncError):
        return {"id": dataset, "error": error_dict(outcome)}
    plan = outcome.plan
    return {
        "id": dataset,
        "year": plan.year,
        "load": outcome.load,
        "why": plan.load.why,
        "since": write_instant(plan.load.bound, "milliseconds"),
        "rows": outcome.rows,
        "sourceRows": plan.snapshot.rows,
        "estimatedBytes": outcome.estimated_bytes,
        "strategy": outcome.strategy.value if outcome.strategy else None,
        "columns": _columns(plan),
        "addColumns": [{"name": name, "type": pg_type} for name, pg_type in plan.add],
        "leftOut": [{"field": field, "why": why} for field, why in outcome.left_out.items()],
        "sharedKeys": _shared(outcome.shared),
        "sample": _sample(outcome.tried),
        "schemaInSync": plan.schema_in_sync,
        "frozenColumns": list(plan.frozen.named),
        "warnings": list(plan.warnings),
        "error": error_dict(outcome.refused),
    }


def _columns(plan: DatasetPlan) -> list[dict[str, str]]:
    labels = {column.field: column.label for column in plan.source}
    return [
        {
            "name": column.name,
            "type": column.type,
            "field": column.field,
            "sourceType": column.source_type,
            **({"timeZone": column.zone} if column.zone else {}),
            "label": labels.get(column.whole, ""),
        }
        for column in plan.shape.columns
    ]


def _shared(shared: SharedKeys | None) -> dict[str, Any] | None:
    if shared is None:
        return None
    if shared.unknown is not None:
        return {"unknown": shared.unknown}
    return {
        "rows": shared.rows,
        "keys": shared.keys,
        "withoutKey": shared.without_key,
        "isAll": shared.is_all,
        "examples": [asdict(example) for example in shared.examples],
        "unknown": None,
    }


def _sample(tried: Tried | None) -> dict[str, Any] | None:
    if tried is None:
        return None
    return {
        "rows": tried.rows,
        "badValues": tried.values,
        **tried.bad.as_dict(),
        "untried": tried.untried,
    }
