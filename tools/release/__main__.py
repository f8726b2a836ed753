"""All of a release but its publishing, into ``dist/``; what is not as it should be ends it with a sentence.

python -m tools.release                   # of this checkout, to see that all can be made
python -m tools.release --tag v0.1.0      # of a tag: nothing may be missing, the base is the registry's
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.cluster.programs import ProgramsUnavailable
from tests.e2e.images import BuildFailed

from tools.release import chart, image, manifests, sbom, wheels
from tools.release.changelog import section_for
from tools.release.image import Base
from tools.release.version import CHANGELOG, ROOT, problems, version

SUMS = "SHA256SUMS"


def main() -> int:
    """The command line; 1 and the reasons if there is no release to be made of this."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--tag", default="", help="the tag that is released; without, this is a trial"
    )
    parser.add_argument("--arch", action="append", help="amd64 or arm64; both if none is named")
    parser.add_argument("--into", type=Path, default=ROOT / "dist")
    asked = parser.parse_args()
    if found := list(problems(asked.tag)):
        _say(*found)
        return 1
    try:
        make(asked.into, asked.arch or list(wheels.MACHINES), base_for(asked.tag))
    except (BuildFailed, ProgramsUnavailable, subprocess.CalledProcessError) as exc:
        _say(str(exc), *(str(said) for said in (getattr(exc, "stderr", None),) if said))
        return 1
    return 0


def base_for(tag: str) -> Base:
    """What the image is built on. A trial does without a registry, and says so; a release does not.

    Raises ``CalledProcessError``.
    """
    name = image.base_of()
    try:
        return Base.of_registry(name)
    except (OSError, subprocess.SubprocessError) as exc:
        if tag:
            raise
        _say(
            f"{name} cannot be asked for ({type(exc).__name__}): built on Debian's Python instead."
        )
        _say("  Such an image is for looking at; publish.sh takes none whose base has no digest.")
        return Base()


def make(into: Path, arches: Sequence[str], base: Base) -> None:
    """Fill the folder. Raises ``BuildFailed``, ``ProgramsUnavailable`` or ``CalledProcessError``."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    own = version()
    packed = into / f"socratasync-{own}-image.tar"
    steps: list[tuple[str, Callable[[], object]]] = [
        ("notes.md", lambda: _write(into / "notes.md", section_for(_changelog(), own).body)),
        ("wheel and sdist", lambda: _python_packages(into)),
        ("install.yaml", lambda: _write(into / "install.yaml", manifests.install_yaml())),
        ("chart", lambda: chart.package(into)),
        ("locked wheels", lambda: {each: wheels.check(each) for each in arches}),
        ("image", lambda: image.archive(image.build(own, _revision(), base, *arches), own, packed)),
        ("licences.tsv", lambda: _licences(packed, into / "licences.tsv")),
        ("SBOMs", lambda: _sboms(packed, own, into)),
        (SUMS, lambda: _write(into / SUMS, sums(into))),
    ]
    for name, step in steps:
        started = time.monotonic()
        made = step()
        _say(f"{name}: {_told(made)} ({time.monotonic() - started:.0f} s)")


def _told(made: object) -> str:
    if isinstance(made, Path):
        return f"{made.name}, {made.stat().st_size / 1e6:.1f} MB"
    return str(made)


def _python_packages(into: Path) -> str:
    """With the commit's date in them, so that the same commit makes the same bytes."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": _git("log", "-1", "--format=%ct")}
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(into)]
    subprocess.run(command, check=True, cwd=ROOT, env=environment, capture_output=True)
    return ", ".join(sorted(path.name for path in into.glob("socratasync-*")))


def _licences(packed: Path, file: Path) -> Path:
    """The list in the image. A platform's own differs by the names of libraries alone: the first is taken."""
    return _write(file, image.read(packed, next(image.packed(packed)), "licenses/dependencies.tsv"))


def _sboms(packed: Path, own: str, into: Path) -> str:
    (wheel,) = into.glob("*.whl")
    made = [sbom.of_image(packed, each.platform, own, into) for each in image.packed(packed)]
    return ", ".join(path.name for path in [*made, sbom.of_wheel(wheel, own, into)])


def sums(folder: Path) -> str:
    """The checksums of a folder's files, for ``sha256sum --check``."""
    lines = []
    for file in sorted(folder.iterdir()):
        if file.name != SUMS:
            with file.open("rb") as opened:
                lines.append(f"{hashlib.file_digest(opened, 'sha256').hexdigest()}  {file.name}\n")
    return "".join(lines)


def _write(file: Path, text: str) -> Path:
    file.write_text(text if text.endswith("\n") else f"{text}\n")
    return file


def _changelog() -> str:
    return (ROOT / CHANGELOG).read_text()


def _revision() -> str:
    """The commit; with a mark if the checkout is another."""
    dirty = _git("status", "--porcelain", "--untracked-files=no")
    return _git("rev-parse", "HEAD") + ("-changed" if dirty else "")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _say(*lines: str) -> None:
    sys.stderr.writelines(f"{line}\n" for line in lines)
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
