"""One version: the package says it, everything else is written from there or refused.

python -m tools.release.version           # write it wherever it stands (part of `make crd`)
python -m tools.release.version 0.2.0     # begin that version: the package, and CHANGELOG.md's section
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tools.release.changelog import released, sections

ROOT = Path(__file__).parents[2]
PACKAGE = "operator/socratasync/__init__.py"
CHANGELOG = "CHANGELOG.md"
DEFINITION = "crds/socratasyncs.yaml"
KEPT = "tests/releases/{version}/definition.yaml"
_IN_PAGES = "|".join(
    rf"(?<={before})\d[\w.-]*"
    for before in ("newTag: ", "VERSION=", "--version ", "releases/download/v", "/socratasync:")
)
SAID_IN = {
    "helm/socrata-sync/Chart.yaml": r"(?<=^version: )\S+|(?<=^appVersion: )\S+",
    "manifests/operator/kustomization.yaml": r"(?<=newTag: )\S+",
    "README.md": _IN_PAGES,
    "docs/install.md": _IN_PAGES,
    "docs/operations.md": _IN_PAGES,
}
"""Where else a version stands, and how it is found there. What is made by other programs is not among them."""

_ASSIGNED = re.compile(r'(?<=^__version__ = ")[^"]+', re.MULTILINE)
_VERSION = re.compile(r"\d+\.\d+\.\d+(?:-(?:alpha|beta|rc)\.\d+)?")


def version(root: Path = ROOT) -> str:
    """The version of the package in this checkout."""
    found = _ASSIGNED.search((root / PACKAGE).read_text())
    assert found, PACKAGE
    return found[0]


def write(root: Path = ROOT) -> None:
    """Make every place that says a version say the package's."""
    for name, pattern in SAID_IN.items():
        file = root / name
        file.write_text(re.sub(pattern, version(root), file.read_text(), flags=re.MULTILINE))


def said(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """(file, version) of every place that says one."""
    for name, pattern in SAID_IN.items():
        for found in re.findall(pattern, (root / name).read_text(), re.MULTILINE):
            yield name, found


def begin(wanted: str, day: datetime, root: Path = ROOT) -> None:
    """Make this checkout the version ``wanted``, of that day. Raises ``ValueError``, and then writes nothing."""
    if not _VERSION.fullmatch(wanted):
        raise ValueError(f"{wanted} is no version: 1.2.3, or 1.2.3-rc.1")
    changelog, package = root / CHANGELOG, root / PACKAGE
    changed = released(changelog.read_text(), wanted, f"{day:%Y-%m-%d}")
    changelog.write_text(changed)
    package.write_text(_ASSIGNED.sub(wanted, package.read_text()))
    write(root)


def problems(tag: str = "", root: Path = ROOT) -> Iterator[str]:
    """What keeps this checkout from being released, as ``tag``, or from being tried if there is none."""
    own = version(root)
    for name, other in said(root):
        if other != own:
            yield f"{name} says {other}, the package says {own}: run `make crd`"
    if not tag:
        return
    if tag != f"v{own}":
        yield f"the tag is {tag} and the package's version {own}: tag v{own}, or run `make version VERSION={tag.removeprefix('v')}`"
    kept = root / KEPT.format(version=own)
    if not kept.exists() or kept.read_text() != (root / DEFINITION).read_text():
        yield f"{kept.parent.relative_to(root)} is not what this version leaves: `make release-state` keeps that"
    found = sections((root / CHANGELOG).read_text()).get(own)
    if found is None:
        yield f"CHANGELOG.md has no section [{own}]: `make version VERSION={own}` makes it"
    elif not found.date or not list(found.changes()):
        yield f"CHANGELOG.md's section [{own}] has no date, or says of nothing that it changed"


def main(*arguments: str) -> int:
    """The command line; 1 and a sentence for a version that cannot be begun."""
    try:
        if arguments:
            begin(arguments[0], datetime.now(UTC))
        else:
            write()
    except ValueError as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
