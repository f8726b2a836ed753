"""The image holds what the lock names, trimmed: every console script must start with no more than that.

Here the libraries are those of this machine; ``tests/e2e/test_image.py`` asks the built image itself.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest

from socratasync import __version__

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPTS: dict[str, str] = PROJECT["scripts"]
TRIMMED = ("kubernetes", "socrata_simulator")

Finished = subprocess.CompletedProcess[str]
Run = Callable[..., Finished]


def locked() -> list[Path]:
    """The files and folders, in this machine's site-packages, of what requirements.lock names."""
    found = set()
    for name in re.findall(r"^([\w.-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE):
        try:
            installed = files(name) or []
        except PackageNotFoundError:
            continue  # for another platform
        for file in installed:
            if file.parts[0] != "..":
                found.add(Path(str(file.locate())).parents[len(file.parts) - 1] / file.parts[0])
    return sorted(found)


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the image's libraries, of links to this machine's, so that it is made in a moment."""
    folder = tmp_path_factory.mktemp("image")
    for source in [*locked(), *(ROOT / "operator").iterdir()]:
        if source.name in TRIMMED:
            shutil.copytree(
                source,
                folder / source.name,
                copy_function=os.symlink,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        else:
            (folder / source.name).symlink_to(source)
    subprocess.run([ROOT / "tools" / "trim_image.sh", folder], check=True)
    return folder


@pytest.fixture
def run(libraries: Path, tmp_path: Path) -> Run:
    def start(script: str, *arguments: str) -> Finished:
        module, _, function = SCRIPTS[script].partition(":")
        code = (
            f"import sys; sys.argv[0] = {script!r}; from {module} import {function}; {function}()"
        )
        return subprocess.run(
            [sys.executable, "-S", "-c", code, *arguments],
            env={"PYTHONPATH": str(libraries), "HOME": str(tmp_path), "NO_PROXY": "*"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return start


def console_script(folder: Path) -> Path:
    """This machine's console script, made as isolated as the Dockerfile makes the image's."""
    (found,) = re.findall(
        r"sed -i '(1s/\S+ \S+/)' \S+/bin/socratasync", (ROOT / "Dockerfile").read_text()
    )
    script = folder / "isolated"
    shutil.copy(Path(sys.executable).parent / "socratasync", script)
    subprocess.run(["sed", "-i", found, script], check=True)
    return script


def booby_trapped(folder: Path, mark: Path) -> dict[str, str]:
    """Variables, and modules in ``folder``, that would run code in a Python that heeds them: it makes ``mark``."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    user = folder / ".local" / "lib" / version / "site-packages"
    user.mkdir(parents=True)
    for module in ("sitecustomize", "usercustomize", "socratasync", "json", "startup"):
        for place in (folder, user):
            (place / f"{module}.py").write_text(f"open({str(mark)!r}, 'w').close()\n")
    return {
        "PYTHONPATH": str(folder),
        "PYTHONSTARTUP": str(folder / "startup.py"),
        "PYTHONUSERBASE": str(folder / ".local"),
        "PYTHONINSPECT": "1",
        "HOME": str(folder),
        "PATH": os.environ["PATH"],
    }


def test_no_variable_and_no_folder_puts_code_into_the_images_programs(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    environment = booby_trapped(tmp_path, mark)

    def worker(script: Path, **more: str) -> Finished:
        return subprocess.run(
            [script, "worker"],
            env={**environment, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    isolated = worker(console_script(tmp_path), PYTHONHOME="/nowhere")
    untouched = not mark.exists()
    worker(Path(sys.executable).parent / "socratasync")

    assert isolated.returncode == 78, isolated.stderr
    assert "the worker's environment lacks SOCRATASYNC_NAME" in isolated.stdout
    assert untouched
    assert mark.exists()  # the trap works where nothing is isolated


KUBECONFIG = {
    "current-context": "here",
    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    "clusters": [{"name": "here", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "me", "user": {"token": "x"}}],
}


def test_the_trimming_takes_out_what_it_says(libraries: Path) -> None:
    models = libraries / "kubernetes" / "aio" / "client" / "models"

    assert [path.name for path in models.glob("*.py")] == ["__init__.py"]
    assert not (libraries / "socrata_simulator").exists()


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_console_script_tells_its_version_and_its_use(run: Run, script: str) -> None:
    version, usage = run(script, "--version"), run(script, "--help")

    assert version.stdout.split()[-1:] == [__version__], version.stderr
    assert usage.stdout.startswith("Usage: "), usage.stderr


@pytest.mark.parametrize(
    ("script", "arguments", "code", "said"),
    [
        ("kubectl-socratasync", ["status"], 1, "https://127.0.0.1:1 does not answer"),
        (
            "kubectl-socratasync",
            ["trigger", "x", "--wait"],
            1,
            "https://127.0.0.1:1 does not answer",
        ),
        ("socratasync", ["operator", "--image=x"], 1, "no way to a Kubernetes API"),
        ("socratasync", ["worker"], 78, "the worker's environment lacks SOCRATASYNC_NAME"),
        ("socratasync", ["crd"], 0, "kind: CustomResourceDefinition"),
        ("socratasync", ["demo"], 78, "the demo needs socrata_simulator, which is not installed"),
    ],
)
def test_what_the_image_is_for_starts_and_what_is_not_in_it_is_told_in_a_sentence(
    run: Run, tmp_path: Path, script: str, arguments: list[str], code: int, said: str
) -> None:
    if script == "kubectl-socratasync":
        (tmp_path / "kubeconfig").write_text(json.dumps(KUBECONFIG))
        arguments = [*arguments, "--kubeconfig", str(tmp_path / "kubeconfig")]

    ran = run(script, *arguments)

    assert ran.returncode == code, ran.stderr
    assert said in " ".join((ran.stdout + ran.stderr).split())
    assert "Traceback" not in ran.stderr
