"""A release is of one version, says what changed, and holds nothing whose licence nobody has looked at."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from tools.licences import licensed, problems, table
from tools.release import chart, version, wheels
from tools.release.changelog import Section, released, section_for, sections
from tools.release.image import base_of

from socratasync import __version__
from socratasync.api.crd import CRD_NAME, crd

ROOT = Path(__file__).parents[2]
CHANGELOG = """# Changelog

## [Unreleased]

### Added

- One thing,
  on two lines.
- Another.

### Security

- A third.

## [0.9.0] - 2026-01-01

### Fixed

- An old one.
"""
DAY = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What says a version, to be changed; its changelog has something to release, and what it leaves is kept."""
    for name in (version.PACKAGE, *version.SAID_IN):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / version.CHANGELOG).write_text(CHANGELOG)
    for name in (version.DEFINITION, version.KEPT.format(version="7.8.9")):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("kind: CustomResourceDefinition\n")
    return tmp_path


# -- one version ---------------------------------------------------------------------------------------


def test_one_version_is_everywhere() -> None:
    said = list(version.said())

    assert {name for name in version.SAID_IN if not name.endswith(".md")} <= {n for n, _ in said}
    assert {each for _, each in said} == {__version__} == {version.version()}
    assert crd()["metadata"]["labels"]["app.kubernetes.io/version"] == __version__
    assert list(version.problems()) == []


def test_a_version_that_is_begun_is_everywhere_and_may_be_tagged(checkout: Path) -> None:
    version.begin("7.8.9", DAY, checkout)

    assert {each for _, each in version.said(checkout)} == {"7.8.9"}
    chart_file = yaml.safe_load((checkout / "helm/socrata-sync/Chart.yaml").read_text())
    assert (chart_file["version"], chart_file["appVersion"]) == ("7.8.9", "7.8.9")
    assert chart_file["kubeVersion"] == ">=1.31.0-0"
    assert list(version.problems("v7.8.9", checkout)) == []


@pytest.mark.parametrize(
    ("tag", "change", "problem"),
    [
        pytest.param("v7.8.8", {}, "the tag is v7.8.8 and the package's version 7.8.9", id="tag"),
        pytest.param("7.8.9", {}, "tag v7.8.9", id="a tag without its v"),
        pytest.param(
            "v7.8.9", {"CHANGELOG.md": ("[7.8.9]", "[7.8.0]")}, "no section", id="no section"
        ),
        pytest.param(
            "v7.8.9", {"CHANGELOG.md": (" - 2026-12-24", "")}, "has no date", id="no date"
        ),
        pytest.param(
            "v7.8.9", {"crds/socratasyncs.yaml": ("kind", "other")}, "release-state", id="state"
        ),
        pytest.param(
            "",
            {"manifests/operator/kustomization.yaml": ("7.8.9", "0.1.0")},
            "manifests/operator/kustomization.yaml says 0.1.0",
            id="a place that was forgotten, whether tagged or not",
        ),
    ],
)
def test_what_is_no_release_is_refused(
    checkout: Path, tag: str, change: Mapping[str, tuple[str, str]], problem: str
) -> None:
    version.begin("7.8.9", DAY, checkout)
    for name, (old, new) in change.items():
        (checkout / name).write_text((checkout / name).read_text().replace(old, new))

    (found,) = version.problems(tag, checkout)

    assert problem in found


@pytest.mark.parametrize("wanted", ["", "1.2", "v1.2.3", "1.2.3-oops", "0.9.0"])
def test_a_version_that_is_none_or_was_released_is_refused_and_nothing_written(
    checkout: Path, wanted: str
) -> None:
    before = {file: file.read_text() for file in checkout.rglob("*") if file.is_file()}

    with pytest.raises(ValueError, match=r"is no version|has a section"):
        version.begin(wanted, DAY, checkout)

    assert {file: file.read_text() for file in before} == before


# -- what changed --------------------------------------------------------------------------------------


def test_the_notes_of_a_version_are_its_section() -> None:
    text = released(CHANGELOG, "1.0.0", "2026-12-24")

    assert [*sections(text)] == ["Unreleased", "1.0.0", "0.9.0"]
    assert sections(text)["Unreleased"].body == ""
    section = section_for(text, "1.0.0")
    assert section.date == "2026-12-24"
    assert list(section.changes()) == [
        ("Added", "One thing, on two lines."),
        ("Added", "Another."),
        ("Security", "A third."),
    ]
    assert "### Added\n\n- One thing,\n  on two lines." in section.body
    assert "An old one" not in section.body


def test_before_a_release_the_notes_are_what_is_not_released() -> None:
    assert section_for(CHANGELOG, "1.0.0").name == "Unreleased"


def test_nothing_is_not_released() -> None:
    with pytest.raises(ValueError, match="says of nothing"):
        released(released(CHANGELOG, "1.0.0", "2026-12-24"), "1.0.1", "2026-12-25")


def test_a_kind_of_change_that_the_format_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="'Improved' is none of Added"):
        list(Section(name="1.0.0", date="", body="### Improved\n\n- It.").changes())


def test_every_change_of_our_own_changelog_is_read() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    read = [change for each in sections(text).values() for change in each.changes()]

    assert len(read) == len(re.findall(r"^- ", text, re.MULTILINE))


# -- licences ------------------------------------------------------------------------------------------


def locked() -> Iterator[Distribution]:
    """What requirements.lock names and this machine has."""
    for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE):
        try:
            yield distribution(name)
        except PackageNotFoundError:
            continue  # for another platform


def test_every_locked_package_is_under_a_licence_that_is_allowed() -> None:
    packages = licensed(locked())

    assert list(problems(packages)) == []
    listed = dict(line.split("\t")[::2][:2] for line in table(packages).splitlines())
    assert listed["psycopg-binary"] == "LGPL-3.0-only"
    assert listed["kopf"] == "MIT"


def made(folder: Path, metadata: str, *, text: bool = True) -> Distribution:
    """An installed package with that in its metadata."""
    info = folder / "thing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: Thing\nVersion: 1.0\n{metadata}")
    files = ["METADATA", *(["licenses/LICENSE"] if text else [])]
    (info / "RECORD").write_text("".join(f"thing-1.0.dist-info/{file},,\n" for file in files))
    return Distribution.at(info)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("License-Expression: MIT\n", []),
        ("License-Expression: Apache-2.0 AND (MIT OR BSD-3-Clause)\n", []),
        ("License: MIT License\n", []),
        ("License: The whole\n        text.\nClassifier: License :: OSI Approved :: MIT License\n", []),
        ("License-Expression: GPL-3.0-only\n", ["GPL-3.0-only is not allowed"]),
        ("License-Expression: MIT AND LGPL-3.0-only\n", ["LGPL-3.0-only is not allowed"]),
        ("License: As you like\n", ["says 'As you like' of its licence"]),
        ("", ["says '' of its licence"]),
    ],
)  # fmt: skip
def test_a_licence_that_nobody_allowed_is_named(
    tmp_path: Path, metadata: str, said: list[str]
) -> None:
    found = list(problems(licensed([made(tmp_path, metadata)])))

    assert len(found) == len(said)
    for sentence, words in zip(found, said, strict=True):
        assert sentence.startswith("thing 1.0")
        assert words in sentence


def test_a_package_without_the_text_of_its_licence_is_named(tmp_path: Path) -> None:
    (found,) = problems(licensed([made(tmp_path, "License-Expression: MIT\n", text=False)]))

    assert "brings no text" in found


# -- the chart for Artifact Hub ------------------------------------------------------------------------


def told(name: str) -> Any:
    return yaml.safe_load(chart.artifact_hub()[f"artifacthub.io/{name}"])


def test_artifact_hub_is_told_what_is_so() -> None:
    (definition,) = told("crds")
    (image,) = told("images")
    values = yaml.safe_load((ROOT / "helm/socrata-sync/values.yaml").read_text())

    assert definition["name"] == CRD_NAME
    assert {definition["version"]} == {each["name"] for each in crd()["spec"]["versions"]}
    assert definition["kind"] == crd()["spec"]["names"]["kind"]
    assert image["image"] == f"{values['image']['repository']}:{__version__}"
    assert image["platforms"] == ["linux/amd64", "linux/arm64"]
    assert told("crdsExamples")[0]["kind"] == definition["kind"]
    assert len(told("changes")) > 1
    assert {each["kind"] for each in told("changes")} <= {
        "added", "changed", "deprecated", "removed", "fixed", "security",
    }  # fmt: skip
    assert told("prerelease") is False
    kept = yaml.safe_load((ROOT / "helm/socrata-sync/Chart.yaml").read_text())["annotations"]
    assert kept["artifacthub.io/license"] == "Apache-2.0"


# -- the workflows -------------------------------------------------------------------------------------

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def steps(workflow: Path) -> Iterator[Mapping[str, Any]]:
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_a_workflow_runs_verbs_and_programs_of_this_repository_alone(workflow: Path) -> None:
    verbs = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

    for step in steps(workflow):
        for line in step.get("run", "").strip().splitlines():
            words = line.removeprefix("sudo --preserve-env ").split()
            if words[0] == "make":
                assert words[1] in verbs
            else:
                assert (ROOT / words[0]).exists(), line


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_what_others_wrote_is_pinned_by_commit_in_a_workflow(workflow: Path) -> None:
    for line in re.findall(r"uses: (.+)", workflow.read_text()):
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


def test_both_workflows_are_there() -> None:
    assert [file.name for file in WORKFLOWS] == ["ci.yml", "release.yml"]


# -- the image -----------------------------------------------------------------------------------------


def test_wheels_are_looked_for_by_the_python_of_the_base() -> None:
    assert base_of() == f"docker.io/library/python:{wheels.PYTHON}-slim"
