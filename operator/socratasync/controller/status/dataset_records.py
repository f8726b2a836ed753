"""Datasets as the status tells them: what the last report said of each, over what was known. Pure.

A report may leave datasets out (it is cut to 4,096 bytes) and a failed run knows less than the one
before it; neither makes the status forget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from socratasync.api.spec import SyncSpec
from socratasync.contract.report import shorten
from socratasync.controller import instants
from socratasync.controller.status.records import present, row_counts, whole

_ERROR_CHARACTERS = 500


def dataset_records(
    spec: SyncSpec | None,
    known: Iterable[Mapping[str, Any]],
    report: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """``status.datasets``: those in use, in the manifest's order; without a readable spec, those known."""
    before = {dataset["id"]: dict(dataset) for dataset in known}
    reported = {d["id"]: d for d in (report or {}).get("datasets") or [] if d.get("id")}
    if spec is None:
        in_use: list[tuple[str, int | None]] = [
            (id_, (before.get(id_) or reported.get(id_) or {}).get("year"))
            for id_ in dict.fromkeys([*before, *reported])
        ]
    else:
        in_use = [(dataset.id, dataset.year) for dataset in spec.selected_datasets()]
    return [
        _overlaid({**before.get(id_, {}), **present({"id": id_, "year": year})}, reported.get(id_))
        for id_, year in in_use
    ]


def _overlaid(known: dict[str, Any], said: Mapping[str, Any] | None) -> dict[str, Any]:
    if said is None:
        return known
    error = said.get("error")
    news = {
        "lastSyncedSince": _instant(said.get("lastSyncedSince")),
        "sourceRows": whole(said.get("sourceRows")),
        "sourceUpdatedAt": _instant(said.get("sourceUpdatedAt")),
        "rows": _rows(known.get("rows"), said.get("rows")),
        "verified": said.get("verified"),
        "schemaInSync": said.get("schemaInSync"),
    }
    overlaid = {**known, **present(news)}
    if error:
        message = shorten(str(error.get("message") or ""), _ERROR_CHARACTERS)
        overlaid["error"] = {"reason": str(error.get("reason") or "Failed"), "message": message}
    else:
        overlaid.pop("error", None)
        if "verified" in said and said["verified"] is None:
            overlaid.pop("verified", None)
    return overlaid


def _rows(known: Any, said: Any) -> dict[str, int] | None:
    """The run's counts; what the table holds stays known if the run did not count it."""
    counts = row_counts(said)
    if counts is None:
        return None
    target = {"target": known["target"]} if isinstance(known, Mapping) and "target" in known else {}
    return {**target, **counts}


def _instant(text: Any) -> str | None:
    return instants.write(instants.read(text))


def oldest_watermark(datasets: Iterable[Mapping[str, Any]]) -> str | None:
    """Where the next update starts; None while a dataset has no watermark."""
    marks = [instants.read(dataset.get("lastSyncedSince")) for dataset in datasets]
    known = [mark for mark in marks if mark]
    return instants.write(min(known)) if known and len(known) == len(marks) else None
