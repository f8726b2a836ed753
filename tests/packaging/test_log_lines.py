"""Every log line of the operator about one resource carries its namespace and name as fields."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CONTROLLER = Path(__file__).parents[2] / "operator" / "socratasync" / "controller"
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def log_calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if ast.unparse(node.func.value) == "log" and node.func.attr in LEVELS:
            yield node


def is_of_a_resource(call: ast.Call) -> bool:
    words = {word for argument in call.args for word in ast.unparse(argument).split(".")}
    return bool(words & {"key", "resource"})


def test_a_line_about_a_resource_has_its_namespace_and_name() -> None:
    calls = [
        (f"{path.relative_to(CONTROLLER)}:{call.lineno}", call)
        for path in sorted(CONTROLLER.rglob("*.py"))
        for call in log_calls(ast.parse(path.read_text()))
        if is_of_a_resource(call)
    ]
    assert len(calls) > 5, "the log is called something else by now"

    bare = [
        place
        for place, call in calls
        if not any(
            each.arg == "extra" and ast.unparse(each.value).endswith("key.logged")
            for each in call.keywords
        )
    ]
    assert bare == []
