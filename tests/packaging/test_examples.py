"""A run can start after what a page or an example tells its reader to do: every secret that its pod needs is made."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.pages import ROOT, Command, File, steps
from tests.unit.controller.test_build import built

from socratasync.controller.observed.resource import read_resource

EXAMPLES = ROOT / "manifests" / "examples"
NOTES = ROOT / "helm" / "socrata-sync" / "templates" / "NOTES.txt"
PAGES = ["README.md", *(str(p.relative_to(ROOT)) for p in sorted((ROOT / "docs").rglob("*.md")))]

Key = tuple[str, str]
"""A secret and a key of it; an empty key for all that it has."""


def needed(manifest: str) -> set[Key]:
    """What the pod of a run of that SocrataSync does not start without."""
    found = {"metadata": {}} | yaml.safe_load(manifest)
    found["metadata"] |= {"uid": "1", "namespace": "data", "resourceVersion": "1"}
    pod = built(read_resource(found))["spec"]["template"]["spec"]
    of_env = (each.get("valueFrom", {}).get("secretKeyRef") for each in pod["containers"][0]["env"])
    keys = {(ref["name"], ref["key"]) for ref in of_env if ref}
    return keys | {secret for volume in pod.get("volumes", []) for secret in mounted(volume)}


def mounted(volume: dict[str, Any]) -> Iterator[Key]:
    sources = [volume, *volume.get("projected", {}).get("sources", [])]
    for secret in (source["secret"] for source in sources if "secret" in source):
        name = secret.get("secretName") or secret["name"]
        yield from ((name, item["key"]) for item in secret.get("items", [{"key": ""}]))


def made(lines: Iterable[str]) -> set[Key]:
    """The secrets that commands make."""
    keys = set()
    for line in lines:
        words = shlex.split(line.partition("  #")[0])
        if "secret" in words and "create" in words:
            name = words[words.index("generic") + 1]
            literals = (w.partition("=")[2] for w in words if w.startswith("--from-literal="))
            keys |= {(name, ""), *((name, literal.partition("=")[0]) for literal in literals)}
    return keys


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_begins_with_the_commands_that_make_its_secrets(example: Path) -> None:
    text = example.read_text()
    commands = re.findall(r"^# +(kubectl .+)$", text, re.MULTILINE)

    assert needed(text) - made(commands) == set()


@pytest.mark.parametrize("page", PAGES)
def test_a_page_makes_the_secrets_of_a_sync_before_it_applies_it(page: str) -> None:
    files: dict[str, str] = {}
    typed: list[str] = []
    for step in steps(page):
        if isinstance(step, File):
            files[step.path] = step.text
            continue
        typed.append(step.text)
        for path in applied(step):
            manifest = files.get(path) or (ROOT / path).read_text()
            if yaml.safe_load(manifest)["kind"] == "SocrataSync":
                assert needed(manifest) - made(typed) == set(), step


def applied(step: Command) -> list[str]:
    """The files of a ``kubectl apply``, standard input and what lies elsewhere left out."""
    named = re.findall(r" -f (\S+)", step.text) if " apply " in step.text else []
    return [path for path in named if path.endswith(".yaml") and ":" not in path]


def test_the_charts_notes_make_the_secret_of_the_sync_that_they_show() -> None:
    text = NOTES.read_text()
    (manifest,) = re.findall(r"<<'YAML'\n(.*?)\n  YAML", text, re.DOTALL)

    assert needed(re.sub("^  ", "", manifest, flags=re.MULTILINE)) <= made(text.splitlines())


def test_this_file_notices_a_secret_of_another_name_or_key() -> None:
    example = (EXAMPLES / "minimal.yaml").read_text()

    assert needed(example) == {("minimal-db", "dsn")}
    assert made(["kubectl create secret generic minimal-db --from-literal=dsn=x"]) >= needed(
        example
    )
    assert not made(["kubectl create secret generic minimal-db --from-literal=d=x"]) >= needed(
        example
    )
    assert not made(["kubectl create secret generic db --from-literal=dsn=x"]) >= needed(example)
