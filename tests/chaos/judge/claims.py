"""What the report says of the data: counts, and whether they were verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tests.chaos.history import Version, same
from tests.chaos.judge.look import RunSeen, owner
from tests.postgres.conftest import Row

from socratasync.contract.report import DatasetReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A dataset in the target, against its source as it is. ``extra``: keys of rows that are not at the source
    with that key; ``missing``: keys that no row of the target has; ``wrong``: rows under their own key with
    other values than at the source; ``left_out``: rows without a key of their own; ``shared``: keys that a
    row of another dataset has; ``owed``: rows that the next run reads anew; ``behind``: rows whose key a row has that
    is gone, which has the same values or not: a run may know of them that they are left out."""

    rows: int
    extra: frozenset[str]
    missing: frozenset[str]
    wrong: Mapping[str, tuple[Version, Row]]
    left_out: int
    shared: int
    owed: int
    behind: int

    @property
    def is_in(self) -> bool:
        """Whether the target holds the source's rows, all of them and no others."""
        return not (self.extra or self.missing or self.wrong or self.left_out)


def facts(seen: RunSeen, id: str) -> Facts:
    """How the dataset stands."""
    winners = seen.chronicles[id].last.winners
    own = seen.after.keys_of(id)
    held = {key: seen.after.rows[key] for key in winners if key in seen.after.rows}
    wrong = {
        key: (winners[key], row)
        for key, row in held.items()
        if key in own and not same(winners[key], row)
    }
    if seen.warned(id, "since is later than the watermark"):
        wrong = {}  # rows were counted, but not read
    return Facts(
        rows=len(seen.chronicles[id].last.rows),
        extra=frozenset(own - set(winners)),
        missing=frozenset(set(winners) - set(held)),
        wrong=wrong,
        left_out=seen.chronicles[id].last.left_out,
        shared=sum(owner(row) != id for row in held.values()),
        owed=sum(dataset == id for dataset, _ in seen.after.owed),
        behind=sum(
            held[key]["socrata_id"] not in seen.chronicles[id].last.rows for key in own & set(held)
        ),
    )


def verified_is_true(seen: RunSeen, id: str, told: DatasetReport) -> None:
    """``verified`` says what is so, in both directions, and why not where it says no."""
    assert seen.report is not None
    fact = facts(seen, id)
    if told.verified is False:
        _says_why(seen, id, told)
    if seen.lies or seen.destroyed or not seen.still:
        return
    if told.verified:
        assert fact.is_in, f"{id} is told to be verified, but {fact}"
    elif not (fact.owed or fact.behind):  # of what is owed nobody knows the key: who has it by now?
        assert not fact.is_in, f"{id} is told not to be verified, but nothing is wrong"
    _counts_are_right(seen, id, told, fact)


def _says_why(seen: RunSeen, id: str, told: DatasetReport) -> None:
    assert seen.report is not None
    sentences = [*seen.report.warnings, *([told.error.message] if told.error else [])]
    assert any(id in sentence for sentence in sentences), f"{id} is not verified, and why?"
    if seen.setting.row_count == "Fail":
        assert seen.report.exit_code, f"{id} is not verified, and exit 0"


def _counts_are_right(seen: RunSeen, id: str, told: DatasetReport, fact: Facts) -> None:
    entry = told.as_dict()
    assert entry["sourceRows"] == fact.rows, f"{entry} of {fact}"
    assert entry["rows"]["target"] == len(seen.after.keys_of(id))
    if not (fact.extra or fact.missing or fact.wrong or fact.owed):
        assert entry["shared"] == fact.shared, f"{entry} of {fact}"
        more = entry["leftOut"] - fact.left_out
        assert 0 <= more <= fact.behind, f"{entry} of {fact}"


def counts_of_the_run(seen: RunSeen) -> None:
    """What the run says that it inserted, updated and deleted is what it did."""
    report, before, after = seen.report, seen.before, seen.after
    assert report is not None
    rows = report.rows
    new, gone = set(after.rows) - set(before.rows), set(before.rows) - set(after.rows)
    kept = set(after.rows) & set(before.rows)
    written = {key for key in kept if before.prints[key] != after.prints[key]}
    if seen.mode == "reset":
        if report.exit_code == 0:
            assert (rows.deleted, rows.inserted) == (len(before.rows), len(after.rows))
        return
    assert rows.inserted - rows.deleted == len(after.rows) - len(before.rows)
    if len(seen.chronicles) == 1:
        replaced = {key for key in written if _id(before.rows[key]) != _id(after.rows[key])}
        as_two = rows.deleted - len(gone)  # a row that went, and another one with its key that came
        assert 0 <= as_two <= len(replaced), f"{report.as_dict()} deleted {gone}"
        did = (len(new) + as_two, len(written) - as_two)
        assert (rows.inserted, rows.updated) == did, f"{report.as_dict()} did {new}, {written}"
        alone = written - replaced if as_two else written
        same_still = {k for k in alone if _data(after.rows[k]) == _data(before.rows[k])}
        assert not same_still, f"{same_still} were written as they were"


def _data(row: dict[str, object]) -> dict[str, object]:
    """A row of the target without what tells where it came from, but the dataset."""
    return {c: v for c, v in row.items() if c not in ("socrata_id", "socrata_updated_at")}


def _id(row: Row) -> object:
    return row.get("socrata_id")
