"""``socratasync`` itself: its commands, its help, what it does with what nobody foresaw."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from tests.commands.conftest import ROOT, Command

from socratasync import __version__

COMMANDS = [
    "search",
    "init",
    "run",
    "plan",
    "status",
    "psql",
    "operator",
    "worker",
    "notify",
    "crd",
    "demo",
]


def test_the_version_is_told(socratasync: Command) -> None:
    assert socratasync("--version").stdout == f"socratasync {__version__}\n"


def test_help_names_every_command(socratasync: Command) -> None:
    shown = socratasync("--help").stdout

    listed = [line.split()[0] for line in shown.partition("Commands:")[2].splitlines() if line]
    assert sorted(listed) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(socratasync: Command, command: str) -> None:
    ran = socratasync(command, "--help")

    assert ran.returncode == 0
    assert ran.stdout.startswith("Usage: ")
    assert all(len(line) <= 100 for line in ran.stdout.splitlines())


def test_crd_prints_what_crds_holds(socratasync: Command) -> None:
    assert socratasync("crd").stdout == (ROOT / "crds" / "socratasyncs.yaml").read_text()


def test_psql_without_a_database_says_how_to_come_by_one(socratasync: Command) -> None:
    ran = socratasync("psql")

    assert ran.returncode == 78
    assert "there is no database in" in ran.stderr


def test_the_operator_without_a_cluster_says_so(socratasync: Command) -> None:
    ran = socratasync("operator", "--image", "x", "--metrics-port", "0", "--health-port", "0")

    assert ran.returncode == 1
    assert "no way to a Kubernetes API" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_the_operator_needs_an_image(socratasync: Command) -> None:
    ran = socratasync("operator")

    assert ran.returncode == 78
    assert "--image or SOCRATASYNC_IMAGE" in ran.stderr


def test_job_defaults_with_a_mistake_end_the_operator_by_the_fields_name(
    socratasync: Command, tmp_path: Path
) -> None:
    file = tmp_path / "defaults.yaml"
    file.write_text("podTemplate: {env: [{name: LD_PRELOAD, value: /x.so}]}")

    ran = socratasync("operator", "--image", "x", "--job-defaults", str(file))

    assert ran.returncode == 78
    assert "podTemplate.env[0].name: must not be PATH or begin with" in ran.stderr


def test_completion_is_there_for_shells(socratasync: Command) -> None:
    shown = socratasync(
        "--show-completion", "bash", _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )

    assert "complete -o default -F" in shown.stdout


def test_a_manifest_that_may_not_be_read_is_told_in_a_sentence(
    socratasync: Command, tmp_path: Path
) -> None:
    file = tmp_path / "sync.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    file.chmod(stat.S_IRUSR)
    ran = socratasync("run", "-f", file)

    assert ran.returncode == 78
    assert "cannot be read" in " ".join(ran.stderr.split())  # a long path wraps the line


def test_output_that_nobody_reads_is_no_reason_for_a_traceback(socratasync: Command) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = socratasync.start("crd")
    os.close(writer)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None

    assert "Traceback" not in process.stderr.read()


PLUGIN = "from socratasync.cli.kubectl.main import main; main()"


def test_what_lacks_a_library_of_an_extra_says_how_to_install_it(
    socratasync: Command, tmp_path: Path
) -> None:
    for library in ("kubernetes", "aiohttp"):
        (tmp_path / f"{library}.py").write_text(f"raise ModuleNotFoundError(name={library!r})")
    path = {"PYTHONPATH": f"{tmp_path}:{socratasync.environ['PYTHONPATH']}"}

    operator = socratasync("operator", **path)
    plugin = subprocess.run(
        [sys.executable, "-c", PLUGIN, "status"],
        env=socratasync.environ | path,
        capture_output=True,
        text=True,
        check=False,
    )

    for done in (operator, plugin):
        assert done.returncode == 78
        assert "pip install '.[operator]'" in done.stderr
        assert "Traceback" not in done.stderr
