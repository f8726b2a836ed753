"""What must be in the target, and what must not, whatever a run says."""

from __future__ import annotations

from typing import Any

from tests.chaos.history import Gone, Version, plain, same
from tests.chaos.judge.look import RunSeen, owner
from tests.postgres.conftest import Row

from socratasync.contract.report import DatasetReport


def nothing_is_made_up(seen: RunSeen) -> None:
    """Every row of the target was once a row of the dataset that it names."""
    if "acres" not in seen.after.columns:
        return  # somebody dropped it
    for key, row in seen.after.rows.items():
        was = [v for c in seen.chronicles.values() for v in c.ever.get(key, [])]
        if dataset := owner(row):
            was = seen.chronicles[dataset].ever.get(key, [])
        assert any(_is_like(seen, v, row) for v in was), f"{key} never was {row}"


def nothing_that_exists_is_deleted(seen: RunSeen) -> None:
    """A key that goes had a row that went, and is owed to whoever else has it."""
    if seen.destroyed:
        return
    for key in set(seen.before.rows) - set(seen.after.rows):
        row = seen.before.rows[key]
        assert seen.destroys or _left(seen, row), f"{row} deleted by a run that deletes nothing"
        _has_left(seen, key, row)
        for id, chronicle in seen.chronicles.items():
            first = seen.claims[id].since
            if key in chronicle.present(first):
                owed = {(id, other) for other in chronicle.ids_of(key, first)} & seen.after.owed
                assert owed, f"{row} deleted, though {key} is in {id}, and not owed"


def _has_left(seen: RunSeen, key: str, row: Row) -> None:
    """The row itself was not all the time at its source, with this key."""
    if (dataset := owner(row)) is None:
        return
    chronicle, first = seen.chronicles[dataset], seen.claims[dataset].since
    stays = set(chronicle.keys_of(row["socrata_id"], first)) == {key}
    assert not stays, f"{row} deleted, though always in {dataset}"


def _left(seen: RunSeen, row: Row) -> bool:
    """Whether a row of the target got another key at the source, or left the ``where``: what an update may
    notice. Or it was published anew, where that gives it another key."""
    if (dataset := owner(row)) is None:
        return False
    chronicle, first = seen.chronicles[dataset], seen.claims[dataset].since
    if seen.setting.key == "socrata_id" and any(n >= first for n in chronicle.replaced):
        return True
    key = row[seen.setting.key]
    ids = {row["socrata_id"]} | {v.id for v in chronicle.ever.get(key, [])}
    return any(
        id in state.filtered_out or (id in state.rows and state.rows[id].key != key)
        for state in chronicle.states[first:]
        for id in ids
    )


def what_is_told_is_in(seen: RunSeen, id: str, told: DatasetReport) -> None:
    """Every row that did not change since the run began is in the target, or another row has its key."""
    expected = sure(seen, id)
    wrong = {
        key: (row, seen.after.rows.get(key))
        for key, row in expected.items()
        if not _stands(seen, id, row, told)
    }
    assert not wrong, f"{id} is told to be in, but for {wrong}"


def sure(seen: RunSeen, id: str) -> dict[str, Version]:
    """Key → row, for rows that did not change since the run may have read them."""
    claim = seen.claims[id]
    return seen.chronicles[id].stable(claim.since, fields_since=claim.all_from)


def _stands(seen: RunSeen, id: str, row: Version, told: DatasetReport) -> bool:
    assert row.key is not None
    held = seen.after.rows.get(row.key)
    if held is None:
        return _is_owed(seen, id, row)
    if owner(held) == id:
        return same(row, held) or _is_behind_a_gone_one(seen, id, row, held, told)
    return outranks(seen, held, id, row)


def _is_owed(seen: RunSeen, id: str, row: Version) -> bool:
    """The row that had its key left the target in this very run, and the next one brings this one back."""
    return row.key in seen.before.rows and (id, row.id) in seen.after.owed


def _is_behind_a_gone_one(
    seen: RunSeen, id: str, row: Version, held: Row, told: DatasetReport
) -> bool:
    """The target still holds a newer row of the dataset, which is gone at the source. No update can see that
    (docs: it takes ``prune``), only that the counts do not agree (``claims``); a full run can."""
    if told.mode == "full":
        return False
    chronicle, claim = seen.chronicles[id], seen.claims[id]
    assert row.key is not None
    return any(
        v.id != row.id
        and v.rank >= row.rank
        and _is_like(seen, v, held)
        and set(chronicle.keys_of(v.id, claim.since)) != {row.key}
        for state in chronicle.states[claim.all_from :]
        for v in state.rows.values()
        if v.key == row.key
    )


def outranks(seen: RunSeen, held: Row, id: str, row: Version) -> bool:
    """Whether ``held``, a row of another dataset, has the key by right: it is the newer, or equally new and
    of the dataset whose id is the greater."""
    dataset = owner(held)
    if dataset is None or row.key is None:
        return False
    versions = seen.chronicles[dataset].ever.get(row.key, [])
    return any(_is_like(seen, v, held) and (v.at, dataset) > (row.at, id) for v in versions)


def _is_like(seen: RunSeen, version: Version, held: Row) -> bool:
    acres = plain("acres", held.get("acres"))
    return acres == version.values.get("acres") or (acres is None and seen.world.lost_acres)


def no_old_key_stays(seen: RunSeen, id: str) -> None:
    """A row whose key was corrected at the source is in the target under no other."""
    chronicle, first = seen.chronicles[id], seen.claims[id].since
    for key in seen.after.keys_of(id):
        row = seen.after.rows[key]
        keys = set(chronicle.keys_of(row["socrata_id"], first))
        stays = len(keys) == 1 and key not in keys and Gone not in keys
        assert not stays, f"{row} stays, though its key at {id} is {keys}"


def what_is_gone_is_pruned(seen: RunSeen, id: str) -> None:
    """The dataset's rows in the target are those of the source, and no others."""
    assert seen.report is not None
    if seen.warned(id, "nothing was deleted"):
        return
    chronicle, first = seen.chronicles[id], seen.claims[id].since
    once = set[Any]().union(*(set(state.winners) for state in chronicle.states[first:]))
    extra = seen.after.keys_of(id) - once
    assert not extra, f"{extra} of {id} are gone at the source, and stay"


def what_will_not_be_read_again_is_in(seen: RunSeen, id: str, until: str) -> None:
    """What changed before the time ``until``, from which the next update reads, is in."""
    for key, row in (
        seen.chronicles[id]
        .stable(seen.chronicles[id].now(), fields_since=seen.claims[id].all_from)
        .items()
    ):
        if row.at >= until or (id, row.id) in seen.after.owed:
            continue
        held = seen.after.rows.get(key)
        assert held is not None, f"{row} is before {until}, and its key is not there"
        right = _is_like(seen, row, held) or outranks(seen, held, id, row)
        assert right or _was_outranked(seen, id, row, held), f"{held} is there for {row}"


def _was_outranked(seen: RunSeen, id: str, row: Version, held: Row) -> bool:
    """The target holds a newer row of the same dataset that is gone by now."""
    return owner(held) == id and any(
        v.id != row.id and v.rank >= row.rank and _is_like(seen, v, held)
        for v in seen.chronicles[id].ever.get(row.key or "", [])
    )
