"""The datasets that ``spec.follow`` adopted: the bookkeeping's table of them.

It stands beside the rows, so that a dataset is adopted in the transaction that first merges it, or not at all: whoever
is killed in between, the next run finds either. It is no part of ``datasets``, which a table that somebody emptied
loses: what was adopted is loaded anew then.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb
from pydantic import ValidationError

from socratasync.api.source import DatasetSpec
from socratasync.errors import TargetMismatch
from socratasync.pipeline.target.bookkeeping import in_ascii
from socratasync.pipeline.target.connection import Connection
from socratasync.pipeline.target.sql.statements import load

_SQL = load("adoptions")

_ENTRY = ("id", "year", "columns", "frozenColumns", "where")
"""What this release knows of an entry; one of a later release may have more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """``dataset``: as ``spec.datasets`` would name it. ``name``: what the portal called it then."""

    dataset: DatasetSpec
    name: str


def read(connection: Connection, target: str) -> tuple[Adoption, ...]:
    """What was adopted for the target, the oldest first; nothing in a bookkeeping of an older release. Raises
    ``TargetMismatch`` for what none of ours wrote."""
    row = connection.execute(_SQL["has_adoptions"]).fetchone()
    if not (row and row[0]):
        return ()
    rows = connection.execute(_SQL["read_adoptions"], {"target": target}).fetchall()
    return tuple(_adoption(*each) for each in rows)


def record(connection: Connection, target: str, run: str, adoption: Adoption) -> None:
    """The dataset is adopted; in the merging transaction."""
    utf8 = connection.info.parameter_status("server_encoding") == "UTF8"
    words = {
        "target": target,
        "run": run,
        "dataset": adoption.dataset.id,
        "name": adoption.name if utf8 else in_ascii(adoption.name),
        "entry": Jsonb(adoption.dataset.as_manifest()),
    }
    connection.execute(_SQL["record_adoption"], words)


def forget(connection: Connection, target: str, datasets: Collection[str]) -> None:
    """These are adopted no more, since the manifest names them."""
    words = {"target": target, "datasets": list(datasets)}
    connection.execute(_SQL["forget_adoptions"], words)


def _adoption(dataset: str, name: str, entry: Mapping[str, Any]) -> Adoption:
    known = {key: value for key, value in entry.items() if key in _ENTRY}
    try:
        read = DatasetSpec.model_validate(known, by_alias=True, by_name=False)
    except ValidationError as exc:
        raise TargetMismatch(
            f"socratasync.adoptions has an entry of {dataset} that cannot be read; name the dataset in spec.datasets "
            "and delete its row there"
        ) from exc
    return Adoption(dataset=read, name=name)
