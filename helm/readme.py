"""Writes the chart's README from its values: what values.yaml says is the only place where it is said.

    python helm/readme.py            # after values.yaml changed
    python helm/readme.py --check    # exit 1 if that was forgotten

A comment that begins with ``# --`` describes the value on the next line that is no comment. A value
whose default is a mapping or a list is shown whole.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parent / "socrata-sync"
README = CHART / "README.md"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]\w*):")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One row of the table: the value's path, its default and what it does."""

    path: tuple[str, ...]
    default: Any
    says: str


def described(text: str) -> Iterator[Value]:
    """The values of a values.yaml that a ``# --`` comment describes, in their order."""
    defaults = yaml.safe_load(text)
    path: list[str] = []
    says: list[str] = []
    for line in text.splitlines():
        comment = line.strip().removeprefix("#").strip()
        if line.strip().startswith("# --"):
            says = [comment.removeprefix("--").strip()]
        elif line.strip().startswith("#") and says:
            says.append(comment)
        elif found := _KEY.match(line):
            depth = len(found["indent"]) // 2
            path[depth:] = [found["key"]]
            if says:
                yield Value(path=tuple(path), default=_at(defaults, path), says=" ".join(says))
            says = []


def _at(tree: Any, path: list[str]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def readme(chart: dict[str, Any], values: str) -> str:
    """The whole README, from Chart.yaml's content and values.yaml's text."""
    head = (CHART / "README.head.md").read_text()
    rows = "\n".join(_row(value) for value in described(values))
    return (
        f"# {chart['name']}\n\n{chart['description']} Chart {chart['version']}, for Kubernetes "
        f"{chart['kubeVersion'].removesuffix('-0')}.\n\n{head}\n"
        f"## Values\n\n| value | default | what it is |\n|---|---|---|\n{rows}\n"
    )


def _row(value: Value) -> str:
    default = json.dumps(value.default, ensure_ascii=False)
    return f"| `{'.'.join(value.path)}` | `{default}` | {value.says.replace('|', chr(92) + '|')} |"


def main() -> int:
    """Write the README, or with ``--check`` say whether it is up to date."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    wanted = readme(chart, (CHART / "values.yaml").read_text())
    if "--check" not in sys.argv[1:]:
        README.write_text(wanted)
        return 0
    if README.read_text() == wanted:
        return 0
    sys.stderr.write(f"{README} is not what values.yaml says: run python {__file__}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
