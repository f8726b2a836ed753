"""The documentation holds: links lead somewhere, manifests are valid, and no word of the product is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.core
import yaml
from tests.unit.controller.standings import STANDINGS, Standing
from typer.main import get_command

from socratasync import errors
from socratasync.api.manifest import read_manifest
from socratasync.cli import app as cli
from socratasync.cli.kubectl import app as kubectl
from socratasync.controller.status import condition_types as conditions
from socratasync.controller.status import events

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    page
    for page in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "helm" / "socrata-sync" / "README.md",
        *sorted(DOCS.rglob("*.md")),
    ]
    if page.exists()
]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
BLOCK = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMANDS: dict[str, dict[str, typer.core.TyperCommand]] = {
    program: get_command(app).commands  # type: ignore[attr-defined]
    for program, app in {"socratasync": cli.app, "kubectl socratasync": kubectl.app}.items()
}
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """(file, anchor) of every link within the checkout."""
    for link in LINK.findall(page.read_text()):
        if not re.match(r"[a-z]+:", link):
            path, _, anchor = link.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    bare = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in bare}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in links(page):
        assert target.exists(), f"{page} links to {target}"
        assert not anchor or anchor in anchors(target), f"{page} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_block_of_yaml_can_be_read_and_every_sync_among_them_is_valid(page: Path) -> None:
    for block in BLOCK.findall(page.read_text()):
        for document in yaml.safe_load_all(block):
            if isinstance(document, dict) and document.get("kind") == "SocrataSync":
                assert read_manifest(block).name == document["metadata"]["name"]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_that_is_shown_exists_with_its_options(page: Path) -> None:
    for program, commands in COMMANDS.items():
        for verb, rest in re.findall(
            rf"(?<![-/])(?<!kubectl ){program} ([a-z]+)([^`\n|&;>]*)", page.read_text()
        ):
            if verb not in commands and program == "socratasync":
                continue  # a release, a name or an account that is called so
            assert verb in commands, f"{page}: {program} {verb}"
            known = {flag for parameter in commands[verb].params for flag in parameter.opts}
            used = set(re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest))
            assert used <= known | {"--help"}, f"{page}: {program} {verb}{rest}"


def test_every_page_is_reached_from_the_index() -> None:
    seen: set[Path] = set()
    todo = [DOCS / "README.md"]
    while todo:
        page = todo.pop()
        seen.add(page)
        todo += [t for t, _ in links(page) if t.suffix == ".md" and t not in seen]

    assert [page for page in DOCS.rglob("*.md") if page not in seen] == []


@pytest.mark.parametrize(
    ("below", "depth"), [("tests", "*/**/*.py"), ("operator/socratasync", "*/*.py")]
)
def test_every_folder_is_explained_to_contributors(below: str, depth: str) -> None:
    there = {str(f.parent.relative_to(ROOT)) for f in (ROOT / below).glob(depth)}
    page = (ROOT / "CONTRIBUTING.md").read_text()

    explained = re.findall(r"^\| `([\w/]+)/` \|", page, re.MULTILINE)

    assert {f for f in explained if f.startswith(below)} == there


def test_the_field_reference_is_up_to_date() -> None:
    command = [sys.executable, "docs/reference.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    file = ROOT / "helm" / "socrata-sync" / "files" / "alerts.yaml"
    rules = yaml.safe_load(file.read_text())["groups"][0]["rules"]
    pages = {page.stem for page in (DOCS / "runbooks").glob("Socrata*.md")}

    assert {rule["alert"] for rule in rules} == pages
    for rule in rules:
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{rule['alert']}.md"


def failures(kind: type[errors.SyncError] = errors.SyncError) -> Iterator[type[errors.SyncError]]:
    """The classes of the error tree that are raised: those with none below them."""
    below = kind.__subclasses__()
    if not below:
        yield kind
    for each in below:
        yield from failures(each)


def test_every_reason_of_a_failed_run_is_explained() -> None:
    page = (DOCS / "conditions.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| `")]

    for failure in failures():
        reason = failure("").reason
        row = next((line for line in rows if f"`{reason}`" in line), None)
        assert row, f"docs/conditions.md does not explain {reason}"
        cells = [cell.strip() for cell in row.split("|")]
        if cells[2]:
            assert cells[2] == str(failure.exit_code), row
        if failure.exit_code in errors.NEEDS_A_PERSON:
            assert cells[3] == "no", row


@pytest.mark.parametrize("standing", STANDINGS, ids=lambda standing: standing.name)
def test_every_reason_of_a_condition_is_explained(standing: Standing) -> None:
    page = (DOCS / "conditions.md").read_text()
    told = standing.story().object["status"].get("conditions", [])

    assert [each["reason"] for each in told if f"`{each['reason']}`" not in page] == []


def test_every_condition_and_event_is_explained() -> None:
    page = (DOCS / "conditions.md").read_text()
    told = {
        *conditions.ORDER,
        *(reason for _, reason in events._ENDS.values()),
        *(reason for _, reason in events._TURNS.values()),
        *events._WAITS,
        *events._REFUSED,
    }

    assert {word for word in told if f"`{word}`" not in page} == set()
