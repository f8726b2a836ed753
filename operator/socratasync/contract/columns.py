"""Datasets' results in as few characters as there may be: column by column, compressed. Pure.

A termination message has room for about thirty bytes of each of a hundred datasets. Written as arrays,
one a column, with numbers that follow from others as what they differ by, and compressed, that is
enough; written as objects it is enough for fifteen datasets.
"""

from __future__ import annotations

import base64
import json
import lzma
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from socratasync.contract.report import ROW_COUNTS
from socratasync.times import instant_or_none, write_instant

_FORMAT: dict[str, Any] = {
    "format": lzma.FORMAT_RAW,
    # Digits have no context but each other.
    "filters": [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20, "lc": 0, "lp": 0, "pb": 0}],
}
_MOST_BYTES = 1 << 18
"""A hundred datasets have a fourth of it. A text that grows beyond is none of ours."""

_DOWNLOADED = ("inserted", "updated", "unchanged")
"""What adds up to the rows that were downloaded, but for those left out."""

LATER = (
    "leftOut",
    "shared",
    "frozenColumnCount",
    "frozenColumns",
    "badValues",
    "api",
    "apiChanged",
)
"""What releases after the first packed, in this order, behind all else: an older worker's text ends sooner, a
newer one's goes on."""


def pack(datasets: Sequence[Mapping[str, Any]]) -> str:
    """The datasets of a report (as ``RunReport.as_dict`` has them) as characters that JSON need not escape.

    Times lose their milliseconds; what no status tells (mode, strategy, …) is left out.
    """
    columns = zip(*map(_as_row, datasets), strict=True)
    text = json.dumps([_as_text(column) for column in columns], separators=(",", ":"))
    return base64.b85encode(lzma.compress(text.encode(), **_FORMAT)).decode()


def unpack(text: str) -> list[dict[str, Any]]:
    """The datasets as a report's JSON has them. Raises ``ValueError`` for what ``pack`` did not write; whether
    each value is one that a report may have is not looked at."""
    reader = lzma.LZMADecompressor(**_FORMAT)
    try:
        written = reader.decompress(base64.b85decode(text), max_length=_MOST_BYTES)
        columns = [_as_values(*column) for column in from_json(written)]
        return [_as_dataset(*row) for row in zip(*columns, strict=True)]
    except (lzma.LZMAError, EOFError, TypeError, OverflowError, OSError) as exc:
        raise ValueError("these are no packed datasets") from exc


def _as_row(dataset: Mapping[str, Any]) -> list[Any]:
    rows, error = dict(dataset["rows"]), dataset["error"] or {}
    source = _less(dataset["sourceRows"], rows.get("downloaded"))
    target = _less(rows.pop("target", None), dataset["sourceRows"])
    downloaded = _less(rows.pop("downloaded", None), *(rows.get(name) for name in _DOWNLOADED))
    counts = {**rows, "target": target, "downloaded": downloaded}
    return [
        dataset["id"],
        dataset["year"],
        source,
        _seconds(dataset["sourceUpdatedAt"]),
        _seconds(dataset["lastSyncedSince"]),
        dataset["verified"],
        dataset["schemaInSync"],
        error.get("reason"),
        error.get("message"),
        *(counts.get(name) for name in ROW_COUNTS),
        *(dataset.get(name) for name in LATER),
    ]


def _as_dataset(
    id_: Any,
    year: Any,
    source: Any,
    updated: Any,
    since: Any,
    verified: Any,
    in_sync: Any,
    reason: Any,
    message: Any,
    *more: Any,
) -> dict[str, Any]:
    rows = dict(zip(ROW_COUNTS, more[: len(ROW_COUNTS)], strict=True))
    rows["downloaded"] = _more(rows["downloaded"], *(rows[name] for name in _DOWNLOADED))
    source_rows = _more(source, rows["downloaded"])
    rows["target"] = _more(rows["target"], source_rows)
    return {
        "id": id_,
        "year": year,
        "rows": {name: count for name, count in rows.items() if count is not None},
        "sourceRows": source_rows,
        "sourceUpdatedAt": _instant(updated),
        "lastSyncedSince": _instant(since),
        "verified": verified,
        "schemaInSync": in_sync,
        "error": None if reason is None else {"reason": reason, "message": message},
        **dict(zip(LATER, more[len(ROW_COUNTS) :], strict=False)),
    }


def _less(count: int | None, *parts: int | None) -> int | None:
    return None if count is None else count - sum(part or 0 for part in parts)


def _more(count: int | None, *parts: int | None) -> int | None:
    return None if count is None else count + sum(part or 0 for part in parts)


def _as_text(column: Sequence[Any]) -> list[Any]:
    """A column of whole numbers as the least of them, a width, and what each is above the least, in so many
    digits (none: blanks) with nothing between; any other column as it is."""
    numbers = [value for value in column if value is not None]
    if not numbers or any(type(number) is not int for number in numbers):
        return [None, 0, list(column)]
    least = min(numbers)
    width = len(str(max(numbers) - least))
    above = ("" if value is None else str(value - least) for value in column)
    return [least, width, "".join(text.rjust(width, "0" if text else " ") for text in above)]


def _as_values(least: int | None, width: int, written: Any) -> list[Any]:
    if least is None:
        return list(written)
    if not isinstance(written, str):
        raise TypeError("numbers are written as one text")
    texts = (written[at : at + width] for at in range(0, len(written), width))
    return [None if text.isspace() else least + int(text) for text in texts]


def _seconds(text: str | None) -> int | None:
    at = instant_or_none(text)
    return int(at.replace(microsecond=0).timestamp()) if at else None


def _instant(seconds: int | None) -> str | None:
    return write_instant(None if seconds is None else datetime.fromtimestamp(seconds, UTC))
