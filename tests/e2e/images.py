"""The image of this checkout, built by buildah without a registry, and what a node needs besides.

The Dockerfile is built as users build it; only its base is a stand-in, made from Debian's packages
and kept in the cache folder. Packages are installed with this machine's own pip settings, which are
mounted for the build and leave no trace in the image.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.cluster.programs import cache

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/socratasync:e2e"
BASE = "localhost/socratasync-base:trixie"  # Python 3.13, as the Dockerfile's own base
PAUSE = "localhost/socratasync-pause:1"

_NATIVE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "")

_PIP_SETTINGS = {"index-url", "extra-index-url", "trusted-host", "proxy", "timeout"}
_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class BuildFailed(AssertionError):
    """An image could not be built; the message is the end of what the builder printed."""


def build(tag: str = IMAGE, *, version: str = "e2e", arch: str = "", **arguments: str) -> str:
    """Builds this checkout's image; its name. Layers that did not change are taken from the cache.

    ``arch``: for which processor, as Debian calls it, if not for this machine's. ``arguments``: more build
    arguments; without ``PYTHON_IMAGE`` the base is the stand-in.
    """
    other = arch if arch != _NATIVE else ""
    # A name in a registry means another image for each processor: one that is here may be the wrong one.
    how = ["--pull-always"] if arguments.get("PYTHON_IMAGE") else []
    arguments = {"PYTHON_IMAGE": "", "VERSION": version, **arguments}
    arguments["PYTHON_IMAGE"] = arguments["PYTHON_IMAGE"] or _need_base(other)
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "pip.conf"
        settings.write_text(_pip_settings())
        mounts = ["--volume", f"{settings}:/etc/pip.conf:ro"]
        if _AUTHORITIES.exists():
            mounts += ["--volume", f"{_AUTHORITIES}:{_AUTHORITIES}:ro"]
        said = [part for name in arguments for part in ("--build-arg", f"{name}={arguments[name]}")]
        how += ["--quiet", "--layers", "--force-rm", "--isolation", "chroot", "--network", "host"]
        how += ["--arch", other] if other else []
        buildah("bud", *how, *mounts, *said, "--tag", tag, str(ROOT))
    _forget_older_builds()
    return tag


def _forget_older_builds() -> None:
    """Of the images without a name, the newest hold the layers that the next build starts from."""
    unnamed = buildah("images", "--quiet", "--no-trunc", "--filter", "dangling=true").split()
    for image in unnamed[2:]:
        with suppress(BuildFailed):  # one that another stands on
            buildah("rmi", image)


def name(image: str, *others: str) -> None:
    """Gives an image of this machine further names."""
    for other in others:
        buildah("tag", image, other)


def export(image: str, archive: Path) -> Path:
    """The image as an OCI archive under its own name, for containerd to import."""
    archive.unlink(missing_ok=True)
    buildah("push", "--quiet", image, f"oci-archive:{archive}:{image}")
    return archive


def size(image: str) -> int:
    """The bytes that the image has unpacked."""
    said = buildah("images", "--format", "{{.Size}}", image)
    number, unit = said.split()[:2]
    return int(float(number) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])


def pause() -> str:
    """The image that holds a pod's namespaces while its containers come and go; its name."""
    if not _is_here(PAUSE):
        busybox = shutil.which("busybox")
        if busybox is None:
            raise BuildFailed("busybox is missing: run tests/e2e/prepare.sh")
        made = buildah("from", "scratch").strip()
        buildah("copy", "--quiet", made, busybox, "/busybox")
        buildah("config", "--entrypoint", '["/busybox", "sleep", "2147483647"]', made)
        buildah("commit", "--quiet", "--rm", made, PAUSE)
    return PAUSE


def _need_base(arch: str) -> str:
    """The stand-in's name, once it is here."""
    base = f"{BASE}-{arch}" if arch else BASE
    if _is_here(base):
        return base
    _say(f"making {base} from Debian's packages: about a minute, once")
    with tempfile.TemporaryDirectory(prefix="socratasync-base-") as folder:
        packages = "python3,python3-venv,ca-certificates"
        which = [
            "--variant=minbase",
            f"--include={packages}",
            *([f"--arch={arch}"] if arch else []),
        ]
        _run(["debootstrap", *which, "trixie", f"{folder}/root"])
        made = buildah("from", *(["--arch", arch] if arch else []), "scratch").strip()
        for dispensable in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc"):
            shutil.rmtree(Path(folder) / "root" / dispensable, ignore_errors=True)
        buildah("copy", "--quiet", made, f"{folder}/root", "/")
        buildah("config", "--cmd", "python3", made)
        buildah("commit", "--quiet", "--rm", made, base)
    return base


def _is_here(image: str) -> bool:
    listed = buildah("images", "--format", "{{.Name}}:{{.Tag}}")
    return image in listed.split()


def _pip_settings() -> str:
    """This machine's pip settings that mean the same in a container."""
    said = _run([sys.executable, "-m", "pip", "config", "list"])
    pairs = (line.partition("=") for line in said.splitlines())
    kept = {key.rpartition(".")[2]: value.strip("'\"") for key, _, value in pairs}
    kept = {key: value for key, value in kept.items() if key in _PIP_SETTINGS}
    if _AUTHORITIES.exists():
        kept["cert"] = str(_AUTHORITIES)
    return "".join(["[global]\n", *(f"{key} = {value}\n" for key, value in kept.items())])


def store() -> tuple[Path, Path]:
    """Where this project's images lie, and where a program that uses them keeps what it needs while it runs."""
    return cache() / "buildah" / "root", cache() / "buildah" / "run"


def buildah(*arguments: str) -> str:
    """What buildah printed, with this project's own store of images. Raises ``BuildFailed``."""
    root, run = store()
    return _run(["buildah", "--root", root, "--runroot", run, *arguments])


def _run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(["nice", *command], capture_output=True, text=True, check=False)
    if done.returncode:
        end = "\n".join((done.stdout + done.stderr).splitlines()[-25:])
        raise BuildFailed(f"{' '.join(map(str, command))} failed:\n{end}")
    return done.stdout


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":  # python -m tests.e2e.images: the image alone
    _say(f"built {build()}: {size(IMAGE) / 1e6:.0f} MB")
