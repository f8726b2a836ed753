"""The spec of a one-off run: the manifest, limited to what was selected. Pure.

Whatever reads the limited spec needs no thought of the rest. What must never happen is decided here: that rows of
datasets which are not loaded go for those that are.
"""

from __future__ import annotations

from collections.abc import Iterable

from socratasync.api.selection import EVERYTHING, Selection
from socratasync.api.source import DatasetSpec
from socratasync.api.spec import Mode, SyncSpec
from socratasync.api.target import TargetSpec
from socratasync.errors import InvalidRequest


def mode_of(selection: Selection, usual: Mode) -> Mode:
    """How the selection is loaded, where a run of everything would be ``usual``. A range is an update, which prunes
    nothing; what is replaced is read whole."""
    if selection.range:
        return "update"
    return "full" if selection.reset else usual


def limited(spec: SyncSpec, selection: Selection, mode: Mode) -> SyncSpec:
    """The spec of a run of the selection in that mode. Raises ``InvalidRequest`` for what the manifest does not load,
    or cannot load so. Nobody looks for what follows; where that is loaded by itself, the table may hold more than
    the manifest names, and no selection is the whole of it."""
    if selection == EVERYTHING:
        return spec
    chosen = _chosen(spec, selection)
    whole = len(chosen) == len(spec.selected_datasets()) and not spec.adopts
    target = _target(spec.target, selection, mode, whole=whole)
    return spec.model_copy(
        update={"datasets": chosen, "years": (), "target": target, "follow": None}
    )


def _chosen(spec: SyncSpec, selection: Selection) -> tuple[DatasetSpec, ...]:
    """The selected datasets, in the manifest's order. Each year and each dataset that was named must be among them:
    a slip must not pass for a run that had nothing to do."""
    loaded = spec.selected_datasets()
    named = [d for d in loaded if not selection.datasets or d.id in selection.datasets]
    chosen = tuple(d for d in named if not selection.years or d.year in selection.years)
    if unknown := [i for i in selection.datasets if i not in {d.id for d in loaded}]:
        raise InvalidRequest(
            f"the manifest loads no dataset {_all(unknown)}; it loads {_all([d.id for d in loaded])}"
        )
    if without := [y for y in selection.years if y not in {d.year for d in named}]:
        years = sorted({d.year for d in named if d.year is not None})
        raise InvalidRequest(
            f"no dataset {'named ' if selection.datasets else ''}is of the year {_all(without)}; "
            f"their years are {_all(years) or 'not given in the manifest'}"
        )
    if besides := [i for i in selection.datasets if i not in {d.id for d in chosen}]:
        raise InvalidRequest(
            f"dataset {_all(besides)} is of none of the years {_all(selection.years)}"
        )
    return chosen


def _all(names: Iterable[object]) -> str:
    return ", ".join(map(str, names))


def _target(target: TargetSpec, selection: Selection, mode: Mode, *, whole: bool) -> TargetSpec:
    """To replace the rows of some datasets is to delete what is gone at their sources; only all datasets together
    may empty the table."""
    if selection.range:
        return _of_range(target)
    if mode == "update" or not (target.reset or selection.reset):
        return target
    if whole:
        return target.model_copy(update={"reset": True, "prune": False})
    if not target.provenance:
        raise InvalidRequest(
            "with spec.target.provenance: false the table does not tell which rows are of the datasets named, so "
            "theirs cannot be replaced without the others'; name all datasets, or read them without reset"
        )
    return target.model_copy(update={"reset": False, "prune": True})


def _of_range(target: TargetSpec) -> TargetSpec:
    if not target.provenance:
        raise InvalidRequest(
            "with spec.target.provenance: false the table does not tell which of its rows are newer than those of "
            "a range; read whole datasets instead"
        )
    return target.model_copy(update={"reset": False, "prune": False})
