"""How much there is to load, and how long that takes at least. Pure."""

from __future__ import annotations

from socratasync.suggest.sample import Sample

COPY_BYTES_PER_SECOND = 80_000_000
"""What one session of PostgreSQL reads of CSV (docs/performance.md)."""

SLOW_BYTES_PER_SECOND = 1_000_000


def size_sentences(rows: int | None, sample: Sample) -> list[str]:
    """What is to be expected of a first load; nothing where rows were not counted."""
    if rows is None:
        return []
    if not rows or not sample.rows:
        return [f"{rows:,} rows."]
    each, wire = sample.size / sample.rows, sample.wire / sample.rows
    copied, downloaded = rows * each / COPY_BYTES_PER_SECOND, rows * wire / SLOW_BYTES_PER_SECOND
    return [
        f"{rows:,} rows of some {each:,.0f} bytes: {_megabytes(rows * wire)} to download, {_megabytes(rows * each)} "
        f"of CSV, estimated from {sample.rows:,} of them.",
        f"A first load takes PostgreSQL {_duration(copied)} or more; a portal that sends 1 MB a second takes "
        f"{_duration(downloaded)}.",
    ]


def _megabytes(size: float) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"


def _duration(seconds: float) -> str:
    if seconds < 1:
        return "1 s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
