"""What a preview found of a dataset's keys and values, in sentences. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from socratasync.contract.bad_values import shown
from socratasync.pipeline.plan.keys import SharedKey, SharedKeys
from socratasync.pipeline.preview import DatasetPreview
from socratasync.pipeline.stage.trial import Tried
from socratasync.pipeline.stage.value_by_value import readable

VALUE_CHARACTERS = 40


def notes(preview: DatasetPreview, *, has_database: bool) -> list[str]:
    """Sentences without the dataset's name, so that several datasets may share one."""
    return [
        *_left_out(preview),
        *(_shared(preview.shared) if preview.shared else ()),
        *_tried(preview, has_database=has_database),
    ]


def _left_out(preview: DatasetPreview) -> Iterator[str]:
    for why, fields in groupby(preview.left_out.items(), key=lambda item: item[1]):
        yield f"not loaded, since {why}: {', '.join(field for field, _ in fields)}"


def _shared(shared: SharedKeys) -> Iterator[str]:
    if shared.unknown is not None:
        yield f"whether rows share a key is not known: {shared.unknown}"
        return
    least = "" if shared.is_all else "at least "
    if shared.rows:
        told = "; ".join(map(_key, shared.examples))
        keys = "a key" if shared.keys == 1 else f"{shared.keys:,} keys"
        yield (
            f"{least}{shared.rows:,} rows share {keys}; of each key the newest row is loaded, and the others are "
            f"left out: {told}"
        )
    if shared.without_key:
        lack = "row lacks" if shared.without_key == 1 else "rows lack"
        yield f"{least}{shared.without_key:,} {lack} a part of the key, and cannot be loaded"
    if not shared.rows and not shared.without_key:
        yield "every row has a key of its own"


def _key(shared: SharedKey) -> str:
    parts = (
        f"{column} {readable(str(value))[:VALUE_CHARACTERS]}"
        for column, value in shared.key.items()
    )
    return f"{', '.join(parts)} ({shared.rows:,} rows)"


def _tried(preview: DatasetPreview, *, has_database: bool) -> Iterator[str]:
    tried = preview.tried
    if not preview.rows:
        return
    if tried is None:
        if not has_database:
            yield "values were not tried, since there is no database yet"
    elif tried.untried is not None:
        yield f"values were not tried: {tried.untried}"
    elif not tried.values:
        yield f"all values of the first {_rows(tried.rows)} fit their columns"
    else:
        yield _bad(tried)


def _bad(tried: Tried) -> str:
    told = "; ".join(
        f"row {e.row}, column {e.column}: {shown(e.value)}" for e in tried.bad.examples
    )
    one = "1 value does" if tried.values == 1 else f"{tried.values:,} values do"
    return f"in the first {_rows(tried.rows)}, {one} not fit the column, the first of each column being {told}"


def _rows(number: int) -> str:
    return "row" if number == 1 else f"{number:,} rows"
