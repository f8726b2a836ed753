"""The list of survivors outlives edits elsewhere, and says both what is missing from it and what is too much."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

import pytest
from tests.mutants import __main__ as command
from tests.mutants.judged import (
    LIST,
    WITH_DATABASE,
    Judged,
    changed,
    compare,
    digest,
    read,
    recorded,
    write,
)
from tests.mutants.mutants import Function, Mutant, change, only_words_differ, readable, survivors
from tests.mutants.scratch import ROOT, project_text

A, B = Mutant("m", "f", "if [a→b]"), Mutant("m", "g", "if [c→d]")
ELSEWHERE = Mutant("n", "f", "if [a→b]")


@pytest.mark.parametrize(
    ("before", "after", "reads"),
    [
        ("if a < b: pass", "if a <= b: pass", "if a [<→<=] b: pass"),
        ("x = settled", "x = None", "x = [settled→None]"),
        ("f(next_due, b)", "f(None, b)", "f([next_due→None], b)"),
        ("f(a, b)", "f(a)", "f(a[, b→])"),
        ("x =\n  1", "x =\n  2", "x = [1→2]"),
    ],
)
def test_a_mutant_is_told_by_the_whole_words_that_differ(
    before: str, after: str, reads: str
) -> None:
    assert change(before, after) == reads


@pytest.mark.parametrize(
    ("before", "after", "only_words"),
    [
        ("tell('all is well')", "tell('XXall is wellXX')", True),
        ("tell('all is well')", "tell('ALL IS WELL')", True),
        ("tell('Succeeded')", "tell('SUCCEEDED')", False),
        ("tell('all is well')", "tell(None)", False),
        ("tell('all is well', 1)", "tell('ALL IS WELL', 2)", False),
    ],
)
def test_sentences_for_people_are_not_judged_and_single_words_are(
    before: str, after: str, only_words: bool
) -> None:
    def function(body: str) -> Function:
        node = ast.parse(f"def f():\n  return {body}").body[0]
        assert isinstance(node, Function)
        return node

    assert only_words_differ(function(before), function(after)) is only_words


def test_mangled_names_read_as_they_are_called() -> None:
    assert readable("x__private") == "_private"
    assert readable("xǁLedgerǁfinish") == "Ledger.finish"


@pytest.mark.parametrize(
    ("code", "survived"), [(0, True), (33, True), (None, True), (1, False), (37, False)]
)
def test_what_no_test_noticed_or_ran_is_a_survivor(
    tmp_path: Path, code: int | None, survived: bool
) -> None:
    (tmp_path / "m.py").write_text(
        "def x_f__mutmut_orig():\n    return 1\ndef x_f__mutmut_1():\n    return 2\n",
        encoding="utf-8",
    )
    meta = {"exit_code_by_key": {"a.m.x_f__mutmut_1": code}}
    (tmp_path / "m.py.meta").write_text(json.dumps(meta), encoding="utf-8")

    found = survivors(tmp_path)

    expected = {"a.m.x_f__mutmut_1": Mutant("a.m", "f", "return [1→2]")}
    assert found == (expected if survived else {})


def test_a_digest_changes_with_the_code_and_with_nothing_else() -> None:
    code = 'def f(a):\n    """Says."""\n    return a + 1\n'

    assert digest(code) == digest("# why\nimport os\n\ndef f( a ):\n    return (a + 1)\n")
    assert digest(code) != digest(code.replace("1", "2"))


def listed(**more: object) -> Judged:
    known = {"digests": {"m": "1", "n": "1"}, "unjudged": ("o",), "reasons": {A: "equal"}}
    return Judged(**{**known, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reasons", "modules", "left", "noticed", "new", "stale"),
    [
        pytest.param({A: "equal"}, ["m"], [A], None, [], [], id="as listed"),
        pytest.param({A: "equal"}, ["m"], [A, B], None, [B], [], id="one that is not listed"),
        pytest.param({A: ""}, ["m"], [A], None, [A], [], id="one without a reason"),
        pytest.param({A: "equal"}, ["m"], [], None, [], [A], id="one that is noticed by now"),
        pytest.param({A: "equal"}, ["n"], [], None, [], [], id="a module that was not looked at"),
        pytest.param({A: WITH_DATABASE}, ["m"], [A], None, [], [], id="no database was asked"),
        pytest.param({A: WITH_DATABASE}, ["m"], [A], [A], [], [], id="a database notices it"),
        pytest.param({A: WITH_DATABASE}, ["m"], [A], [], [A], [], id="it no longer does"),
        pytest.param({A: "equal"}, ["m"], [A], [A], [A], [], id="it does by now"),
    ],
)
def test_differences_between_the_list_and_what_lives_on(
    reasons: dict[Mutant, str],
    modules: list[str],
    left: list[Mutant],
    noticed: list[Mutant] | None,
    new: list[Mutant],
    stale: list[Mutant],
) -> None:
    difference = compare(listed(reasons=reasons), modules, left, noticed)

    assert (list(difference.new), list(difference.stale)) == (new, stale)
    assert bool(list(difference.sentences())) is bool(new or stale)


def test_only_modules_that_are_not_as_judged_are_looked_at_in_the_short_form() -> None:
    assert changed(listed(), {"m": "1", "n": "2", "o": "3", "new": "4"}) == ["n", "new"]


def test_recording_keeps_reasons_and_other_modules_and_forgets_what_no_longer_lives() -> None:
    before = listed(reasons={A: "equal", B: "gone", ELSEWHERE: "kept"}, unjudged=("m",))

    after = recorded(before, {"m": "2"}, [A, Mutant("m", "h", "new")], None)

    assert after.digests == {"m": "2", "n": "1"}
    assert after.unjudged == ()
    assert after.reasons == {A: "equal", ELSEWHERE: "kept", Mutant("m", "h", "new"): ""}


def test_recording_finds_by_itself_which_ones_a_database_notices() -> None:
    before = listed(reasons={A: WITH_DATABASE, B: "equal"})

    assert recorded(before, {"m": "2"}, [A, B], None).reasons == before.reasons
    assert recorded(before, {"m": "2"}, [A, B], [B]).reasons == {A: "", B: WITH_DATABASE}


def test_the_list_is_read_as_it_was_written() -> None:
    odd = Mutant("m", "C.f", "say ['a\"'→\\n]")
    reasons = {odd: "an “odd” one", A: WITH_DATABASE, ELSEWHERE: WITH_DATABASE, B: WITH_DATABASE}

    assert read(write(listed(reasons=reasons))) == listed(reasons=reasons)


def test_what_is_listed_twice_is_refused() -> None:
    entry = '[[survivors."m"]]\nfunction = "f"\nchange = "c"\nreason = "r"\n'

    with pytest.raises(ValueError, match="listed twice"):
        read(entry * 2)


def test_every_module_of_the_scope_is_judged_or_said_to_be_unjudged() -> None:
    judged, scope = read(LIST.read_text(encoding="utf-8")), command.digests()

    listed = judged.digests.keys() | set(judged.unjudged)
    assert listed == scope.keys(), "judge new modules with make mutants, or list them as unjudged"
    assert not judged.digests.keys() & set(judged.unjudged)
    assert {mutant.module for mutant in judged.reasons} <= judged.digests.keys()
    assert all(judged.reasons.values()), "each survivor has a reason"


def test_mutmut_is_told_where_its_copy_lies() -> None:
    project = tomllib.loads(project_text(["src/a.py"], ["tests/unit"], 1.0, check_types=True))

    assert project["tool"]["pytest"]["pythonpath"] == ["src", "."]
    assert project["tool"]["mypy"]["mypy_path"].startswith("$MYPY_CONFIG_FILE_DIR/src:")
    assert "enable_error_code" not in project["tool"]["mypy"]
    assert project["tool"]["mutmut"]["only_mutate"] == ["src/a.py"]


def test_there_are_tests_with_a_database_for_each_module() -> None:
    now = command.digests()

    assert set(command.STORIES_OF) <= now.keys()
    for path in command.unit_tests(now) + command.stories(now):
        file, _, test = path.partition("::")
        assert (ROOT / file).exists()
        assert not test or f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")
    assert command.unit_tests(["socratasync.pipeline.plan.drift"]) == ["tests/unit/pipeline"]
    of_merge = command.unit_tests(["socratasync.pipeline.merge.clean"])
    assert "tests/unit/pipeline/test_clean.py" in of_merge
    assert "tests/unit/pipeline/test_drift.py" not in of_merge
    assert command.stories(["socratasync.pipeline.merge.clean"]) == [
        "tests/postgres/test_left_out.py"
    ]


def test_a_mutant_is_tried_with_the_tests_about_its_own_module() -> None:
    merge = "socratasync.pipeline.merge"
    modules = {"1": f"{merge}.table", "2": f"{merge}.clean", "3": f"{merge}.table"}
    mutants = {name: Mutant(module, "f", "change") for name, module in modules.items()}

    assert list(command.by_story(mutants, mutants)) == [
        (["tests/postgres/test_left_out.py"], ["2"]),
        (["tests/postgres/test_table.py"], ["1", "3"]),
    ]
