"""``python -m tests.mutants``: which mutants does no test notice, and is each of them listed with a reason?

Without arguments all judged modules, and first the unit tests, then for the pipeline's survivors the tests
with a database. ``--changed`` is the short form: only modules whose code is not the judged one, without a
database. Modules by name are looked through whatever the list says. ``--record`` writes the list.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from tests.conftest import wheel_server
from tests.mutants.judged import LIST, Judged, changed, compare, digest, read, recorded, write
from tests.mutants.mutants import Mutant
from tests.mutants.scratch import ROOT, lay_out, mutate

SOURCE = ROOT / "operator"
SCOPE = (
    "socratasync/controller/decide.py",
    "socratasync/controller/status/*.py",
    "socratasync/pipeline/plan/*.py",
    "socratasync/pipeline/stage/counts.py",
    "socratasync/pipeline/stage/verdict.py",
    "socratasync/pipeline/stage/verify.py",
    "socratasync/pipeline/merge/*.py",
)
UNIT_TESTS = {
    "socratasync.controller": ("tests/unit/controller", "tests/unit/contract"),
    "socratasync.pipeline": ("tests/unit/pipeline",),
}
"""Wing → the folders of its tests."""
ROOM = "socratasync.pipeline.merge"
"""Of a wing's tests only the files that import this room are about its modules; to count and to try all others
takes minutes."""
STORIES = (
    "bad_values clocks data_safety drift extra_rows frozen left_out merge merge_statements "
    "new_table others_ddl outranked stage time_zones"
)
STORIES_OF = {
    "socratasync.pipeline.merge.clean": "left_out",
    "socratasync.pipeline.merge.in_place": (
        "targets::test_a_table_is_loaded_whichever_way_rows_are_merged "
        "targets::test_a_trigger_that_changes_keys_is_told_of_and_nothing_is_merged"
    ),
    "socratasync.pipeline.merge.merge": "left_out merge",
    "socratasync.pipeline.merge.new_table": "new_table",
    "socratasync.pipeline.merge.outranked": (
        "bad_values::test_a_row_stays_as_it_was_and_is_no_verified_row_until_its_value_fits_again "
        "left_out outranked"
    ),
    "socratasync.pipeline.merge.outranked_statements": "outranked",
    "socratasync.pipeline.merge.partitions": "partitions",
    "socratasync.pipeline.merge.replace": "replace",
    "socratasync.pipeline.merge.statements": "merge_statements",
    "socratasync.pipeline.merge.table": "table",
    "socratasync.pipeline.merge.table_statements": "new_table table",
    "socratasync.pipeline.plan.bounds": "bounds partitions",
    "socratasync.pipeline.plan.geometry": "geometry",
    "socratasync.pipeline.plan.index_plan": "indexes",
    "socratasync.pipeline.plan.names": "computed_regions parts",
    "socratasync.pipeline.plan.partition_names": "partitions",
    "socratasync.pipeline.plan.partitions": "partitions",
    "socratasync.pipeline.plan.planner": "comments computed_regions drift parts partitions time_zones",
    "socratasync.pipeline.plan.selection": "computed_regions parts",
    "socratasync.pipeline.plan.target_state": "target_state",
    "socratasync.pipeline.plan.unnamed": "computed_regions parts",
    "socratasync.pipeline.stage.verify": "one_off soda3 switch verify",
}
"""Module → the files of `tests/postgres` that are about it, or single tests of them. Of other modules all
``STORIES`` are: a mutant that none notices runs all that reach it, which takes minutes."""
DATABASES_S = 60.0
"""What it takes to make a database for each test of a story, on a machine that has other work, too."""
MOST_SURVIVORS = 250
"""So many are tried with a database, which takes seconds for each. More are too many to judge, too."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 where the list and what lives on differ, 2 for modules that are not in the scope."""
    asked = _asked(arguments)
    judged, now = read(LIST.read_text(encoding="utf-8")), digests()
    modules: list[str] = asked.modules or _modules(judged, now, only_changed=asked.changed)
    for module in judged.unjudged:
        if module not in modules:
            say(f"not judged yet: {module}")
    if unknown := set(modules) - now.keys():
        say(f"not in the scope: {', '.join(sorted(unknown))}")
        return 2
    if not modules:
        say("no judged module has changed")
        return 0
    say(f"mutating {', '.join(modules)}")
    started = time.monotonic()
    left, noticed = _survivors(modules, with_database=not asked.without_database)
    say(f"{len(modules)} modules, {len(left)} survivors, {time.monotonic() - started:.0f} s")
    if asked.record:
        judged = recorded(judged, {module: now[module] for module in modules}, left, noticed)
        LIST.write_text(write(judged), encoding="utf-8")
    difference = compare(judged, modules, left, noticed)
    for sentence in difference.sentences():
        say(sentence)
    return 1 if difference.new or difference.stale else 0


def _modules(judged: Judged, now: Mapping[str, str], *, only_changed: bool) -> list[str]:
    if only_changed:
        return changed(judged, now)
    return [module for module in now if module not in judged.unjudged]


def say(sentence: str) -> None:
    """One line to whoever started this."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*")
    parser.add_argument("--changed", action="store_true")
    parser.add_argument("--without-database", action="store_true")
    parser.add_argument("--record", action="store_true")
    asked = parser.parse_args(arguments)
    asked.without_database |= asked.changed
    return asked


def digests() -> dict[str, str]:
    """Module → digest, of all in the scope."""
    files = [path for pattern in SCOPE for path in sorted(SOURCE.glob(pattern))]
    return {_module(path): digest(path.read_text(encoding="utf-8")) for path in files if _has(path)}


def _has(path: Path) -> bool:
    return path.name != "__init__.py"


def _module(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


def _survivors(
    modules: Sequence[str], *, with_database: bool
) -> tuple[set[Mutant], set[Mutant] | None]:
    """What the unit tests leave, and what of it the tests with a database notice; None if not asked."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        lay_out(folder)
        left = mutate(folder, modules, unit_tests(modules))
        again = [name for name, mutant in left.items() if ".pipeline." in mutant.module]
        if not with_database:
            return set(left.values()), None
        if not again:
            return set(left.values()), set()
        if len(again) > MOST_SURVIVORS:
            say(f"of {len(again)} survivors the first {MOST_SURVIVORS} are tried with a database")
        still: dict[str, Mutant] = {}
        with _database():
            for tests, names in by_story(left, again[:MOST_SURVIVORS]):
                tried = mutate(folder, modules, tests, only=names, patience_s=DATABASES_S)
                still |= {name: tried[name] for name in names if name in tried}
        not_tried = {left[name] for name in left if name not in again[:MOST_SURVIVORS]}
        return set(left.values()), set(left.values()) - set(still.values()) - not_tried


def by_story(
    mutants: Mapping[str, Mutant], names: Iterable[str]
) -> Iterator[tuple[list[str], list[str]]]:
    """The names with the tests that are about their modules: modules of the same tests together, so that
    no mutant runs those of others."""

    def tests(name: str) -> list[str]:
        return stories([mutants[name].module])

    for files, theirs in groupby(sorted(names, key=tests), tests):
        yield files, list(theirs)


def unit_tests(modules: Iterable[str]) -> list[str]:
    """The folders, or files, of tests without a database that are about these modules."""
    return sorted({path for module in modules for path in _unit_tests(module)})


def _unit_tests(module: str) -> Sequence[str]:
    folders = UNIT_TESTS[".".join(module.split(".")[:2])]
    if not module.startswith(f"{ROOM}."):
        return folders
    files = [file for folder in folders for file in (ROOT / folder).glob("test_*.py")]
    return [
        str(file.relative_to(ROOT)) for file in files if ROOM in file.read_text(encoding="utf-8")
    ]


def stories(modules: Iterable[str]) -> list[str]:
    """The files of tests with a database that are about these modules."""
    words = {word for module in modules for word in STORIES_OF.get(module, STORIES).split()}
    return [_story(word) for word in sorted(words)]


def _story(word: str) -> str:
    name, colons, test = word.partition("::")
    return f"tests/postgres/test_{name}.py{colons}{test}"


@contextmanager
def _database() -> Iterator[None]:
    """One server for all mutants, each of which has a process of its own."""
    with wheel_server(f"socratasync-mutants-{os.getpid()}") as dsn:
        os.environ["SOCRATASYNC_TEST_DSN"] = dsn
        yield


if __name__ == "__main__":
    sys.exit(main())
