"""The embedded PostgreSQL: shared, left alone, killed, and found again."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
import pytest
from tests.cluster.processes import wait_until
from tests.commands.conftest import ROOT

from socratasync.embedded import programs
from socratasync.embedded.folder import UnusableFolder, has_database
from socratasync.embedded.server import database

_USER = """
import sys
from pathlib import Path
from socratasync.embedded.server import database
with database(Path(sys.argv[1]), throwaway=True) as dsn:
    print(dsn, flush=True)
    sys.stdin.read()
"""


class Users:
    """Other processes that use the database in a folder, until they are told to stop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[subprocess.Popen[str]] = []

    def begin(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", _USER, str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "operator")},
        )
        self._started.append(process)
        return process

    def one(self) -> subprocess.Popen[str]:
        """A process that uses it by now."""
        process = self.begin()
        assert process.stdout is not None
        assert process.stdout.readline()
        return process

    def leave_all(self) -> None:
        for process in self._started:
            process.communicate()


@pytest.fixture
def users(data_folder: Path) -> Iterator[Users]:
    found = Users(data_folder / "own")
    yield found
    found.leave_all()


def _postmaster(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().split()[0])


def _is_stopped(folder: Path) -> bool:
    return not (folder / "postgres" / "postmaster.pid").exists()


def _count_uses(folder: Path) -> int:
    """Use the database once more; how often it was used."""
    with database(folder, throwaway=True) as dsn, psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS uses (at timestamptz DEFAULT now())")
        connection.execute("INSERT INTO uses DEFAULT VALUES")
        (count,) = connection.execute("SELECT count(*) FROM uses").fetchone() or (0,)
        return int(count)


def test_the_data_stays_and_the_server_goes(data_folder: Path) -> None:
    folder = data_folder / "own"

    assert [_count_uses(folder), _count_uses(folder)] == [1, 2]
    assert _is_stopped(folder)
    assert has_database(folder)


def test_the_last_process_that_uses_it_stops_it(users: Users) -> None:
    first, second = users.one(), users.one()

    first.communicate()
    with database(users.folder) as dsn:
        psycopg.connect(dsn).close()
    assert not _is_stopped(users.folder)

    second.communicate()
    assert _is_stopped(users.folder)


def test_processes_that_make_it_at_once_agree(users: Users) -> None:
    begun = [users.begin() for _ in range(3)]

    said = {process.stdout.readline() for process in begun if process.stdout}
    assert len(said) == 1
    assert said != {""}


def test_a_server_whose_user_was_killed_is_taken_over_and_stopped_in_the_end(users: Users) -> None:
    process = users.one()
    server = _postmaster(users.folder)
    process.kill()
    process.wait()
    assert psutil.pid_exists(server)

    assert _count_uses(users.folder) == 1
    assert _is_stopped(users.folder)


def test_a_server_that_was_killed_is_started_again_with_its_data(users: Users) -> None:
    _count_uses(users.folder)
    process = users.one()
    os.kill(_postmaster(users.folder), signal.SIGKILL)
    process.communicate()

    assert _count_uses(users.folder) == 2


@pytest.mark.parametrize(
    "left",
    [
        pytest.param(lambda: f"{os.getpid()}\n", id="the number is another process's now"),
        pytest.param(lambda: "2147483646\n", id="there is no such process"),
        pytest.param(lambda: "", id="the file is empty"),
    ],
)
def test_what_a_power_cut_left_does_not_keep_it_from_starting(
    data_folder: Path, left: Callable[[], str]
) -> None:
    folder = data_folder / "own"
    _count_uses(folder)
    (folder / "postgres" / "postmaster.pid").write_text(left())

    assert _count_uses(folder) == 2


def test_half_a_database_is_made_anew(data_folder: Path) -> None:
    folder = data_folder / "own"
    (folder / "unfinished-x").mkdir(parents=True)
    (folder / "unfinished-x" / "PG_VERSION").write_text("18\n")

    assert _count_uses(folder) == 1
    assert not list(folder.glob("unfinished-*"))


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("long" * 30, id="a path too long for a socket"),
        pytest.param("it's, well, a place", id="spaces, commas and an apostrophe"),
    ],
)
def test_it_works_in_a_folder_of_any_name(data_folder: Path, name: str) -> None:
    assert _count_uses(data_folder / name) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param('a"b', "in its name cannot", id="a quote"),
        pytest.param("$HOME", "in its name cannot", id="what a shell would read"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(data_folder: Path, name: str, said: str) -> None:
    with pytest.raises(UnusableFolder, match=said), database(data_folder / name):
        pass
    assert not (data_folder / name).exists()


def test_data_of_another_version_is_left_alone(data_folder: Path) -> None:
    folder = data_folder / "own"
    (folder / "postgres").mkdir(parents=True)
    (folder / "postgres" / "PG_VERSION").write_text("9.6\n")

    with pytest.raises(UnusableFolder, match=r"was made by PostgreSQL 9\.6"), database(folder):
        pass
    assert [p.name for p in (folder / "postgres").iterdir()] == ["PG_VERSION"]


def test_nobody_else_gets_in(data_folder: Path) -> None:
    folder = data_folder / "own"
    with database(folder, throwaway=True) as dsn:
        sockets = Path(str(psycopg.conninfo.conninfo_to_dict(dsn)["host"]))
        closed = [(folder / "postgres"), sockets, folder / "postgres.log"]

        assert [path.stat().st_mode & 0o077 for path in closed] == [0, 0, 0]
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def _others() -> list[object]:
    """Root can also be an ordinary user, if one can reach the programs."""
    if os.geteuid() != 0 or not programs.is_open_to_all(programs.find()):
        return []
    return [pytest.param("nobody", id="an ordinary user")]


@pytest.mark.parametrize("user", [pytest.param(None, id="whoever we are"), *_others()])
def test_it_serves_root_and_ordinary_users(data_folder: Path, user: str | None) -> None:
    folder = data_folder / "own"
    folder.mkdir()
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)

    assert _as_user(user, lambda: _count_uses(folder)) == 1


def _as_user(user: str | None, action: Callable[[], int]) -> int:
    """Do it as the user, in a child process; its small number."""
    child = os.fork()
    if child == 0:
        code = 255
        try:
            if user:
                account = pwd.getpwnam(user)
                os.setgroups([])
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            code = action()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def test_root_runs_it_from_a_copy_where_the_wheel_is_closed_to_others(tmp_path: Path) -> None:
    made = programs.copied(programs.find(), tmp_path / "programs")

    assert (made / "bin" / "postgres").stat().st_mode & 0o005 == 0o005
    assert made == programs.copied(programs.find(), tmp_path / "programs")
    for program in ("postgres", "initdb", "psql"):  # the last two need the wheel's libraries
        said = subprocess.check_output([str(made / "bin" / program), "--version"], text=True)
        assert "PostgreSQL" in said
    assert wait_until(
        lambda: [p.name for p in (tmp_path / "programs").iterdir()] == [made.parents[1].name],
        timeout_s=1,
        what="nothing but the copy",
    )
