"""``socratasync run``: what it loads, prints and exits with."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from typing import Any

import pytest
from tests.commands.conftest import PARKS, Command, Manifest, document, rows

from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal


def test_a_manifest_is_run_and_its_table_holds_the_rows(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    ran = socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 0, ran.stderr
    assert rows(dsn, "SELECT name FROM parks ORDER BY 1") == [(f"p{n}",) for n in range(5)]
    assert "city-parks: synced → public.parks" in ran.stdout
    assert PARKS in ran.stdout


def test_json_output_is_the_report_and_nothing_else(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    ran = socratasync("run", "-f", manifest(), "--dsn", dsn, "-o", "json", "--log-format", "json")

    report = json.loads(ran.stdout)
    assert (report["v"], report["ok"], report["rows"]["inserted"]) == (1, True, 5)
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert all(line["ts"] for line in lines)
    assert PARKS in [line["dataset"] for line in lines if line.get("event") == "progress"]


def test_a_manifest_comes_from_standard_input_too(
    socratasync: Command, spec: dict[str, Any], dsn: str
) -> None:
    ran = socratasync("run", "-f", "-", "-o", "json", stdin=document(spec), SOCRATASYNC_DSN=dsn)

    assert json.loads(ran.stdout)["rows"]["inserted"] == 5


def test_a_second_run_says_that_nothing_changed(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    for _ in range(2):
        ran = socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    assert "city-parks: nothing changed at the source" in ran.stdout


def test_values_that_do_not_fit_are_told_in_the_table_and_below_it(
    socratasync: Command, manifest: Manifest, spec: dict[str, Any], dsn: str, parks: Dataset
) -> None:
    spec["target"].update(fields={"name": "", "acres": "smallint"}, onBadValue="Null")
    (row,) = parks.find(name="p3")
    parks.update(row, acres="123456.7")

    ran = socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)

    assert ran.returncode == 0, ran.stderr
    assert "Bad values" in ran.stdout
    assert "1 to NULL" in ran.stdout
    assert "1 value was made NULL" in ran.stdout
    assert rows(dsn, "SELECT acres FROM parks WHERE name = 'p3'") == [(None,)]


def test_the_mode_of_the_command_line_goes_before_the_manifests(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    ran = socratasync("run", "-f", manifest(), "--mode", "full", "-o", "json", SOCRATASYNC_DSN=dsn)

    assert json.loads(ran.stdout)["mode"] == "full"


def test_without_a_dsn_the_data_is_in_a_folder_and_the_command_says_where(
    socratasync: Command, manifest: Manifest
) -> None:
    ran = socratasync("run", "-f", manifest())

    folder = socratasync.data / "own"
    assert ran.returncode == 0, ran.stderr
    assert str(folder) in ran.stdout
    assert "Look at it: socratasync psql -c 'TABLE public.parks LIMIT 10'" in ran.stdout
    looked = socratasync("psql", "-At", "-c", "SELECT count(*) FROM parks")
    assert looked.stdout == "5\n"
    assert not (folder / "postgres" / "postmaster.pid").exists()


def _private(parks: Dataset, portal: Portal) -> dict[str, Any]:
    parks.make_private()
    return {}


def _throttled(parks: Dataset, portal: Portal) -> dict[str, Any]:
    portal.faults.add(Fault.status(429), times=99)
    return {}


def _miscounted(parks: Dataset, portal: Portal) -> dict[str, Any]:
    portal.faults.add(Fault.wrong_count(9), times=99, on="count")
    return {"verify": {"rowCount": "Fail"}}


def _unknown(parks: Dataset, portal: Portal) -> dict[str, Any]:
    return {"datasets": [{"id": "none-such"}]}


def _no_domain(parks: Dataset, portal: Portal) -> dict[str, Any]:
    return {"domain": "https://data.example.org"}


@pytest.mark.parametrize(
    ("happen", "code", "said"),
    [
        pytest.param(_miscounted, 65, "RowCountMismatch", id="rows that do not add up exit 65"),
        pytest.param(_throttled, 75, "SourceThrottled", id="a source that throttles exits 75"),
        pytest.param(_private, 77, "AuthenticationFailed", id="a private dataset exits 77"),
        pytest.param(_unknown, 78, "DatasetNotFound", id="a dataset that is not there exits 78"),
        pytest.param(_no_domain, 78, "spec.domain: must be a host", id="a bad manifest exits 78"),
    ],
)
def test_a_failed_run_says_why_and_what_to_do_next(
    socratasync: Command,
    manifest: Manifest,
    portal: Portal,
    parks: Dataset,
    dsn: str,
    happen: Any,
    code: int,
    said: str,
) -> None:
    ran = socratasync("run", "-f", manifest(**happen(parks, portal)), SOCRATASYNC_DSN=dsn)

    assert ran.returncode == code
    assert said in ran.stderr
    assert "\nnext:  " in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_bad_manifest_is_told_as_json_too(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    ran = socratasync("run", "-f", manifest(datasets=[]), "-o", "json", SOCRATASYNC_DSN=dsn)

    report = json.loads(ran.stdout)
    assert (ran.returncode, report["ok"], report["error"]["reason"]) == (78, False, "InvalidSpec")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["run"], "Missing option '-f'", id="no manifest"),
        pytest.param(["run", "-f", "nowhere.yaml"], "there is no file", id="a file that is not"),
        pytest.param(["run", "-f", "-", "--mode", "some"], "--mode", id="a mode that is not"),
        pytest.param(["dance"], "No such command", id="a command that is not"),
    ],
)
def test_a_slip_of_the_command_line_exits_2(
    socratasync: Command, arguments: list[str], said: str
) -> None:
    ran = socratasync(*arguments)

    assert ran.returncode == 2
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--since", "2024-01-01", "--mode", "full"], "leave one out", id="with full"),
        pytest.param(["--since", "yesterday"], "--since must be a date or time", id="no time"),
        pytest.param(["--dsn", ""], "--dsn is empty", id="an empty DSN"),
        pytest.param(
            ["--dsn", "nonsense"], "the DSN is no address of a database", id="a DSN that is none"
        ),
    ],
)
def test_an_argument_that_makes_no_sense_exits_78(
    socratasync: Command, manifest: Manifest, arguments: list[str], said: str
) -> None:
    ran = socratasync("run", "-f", manifest(), *arguments)

    assert ran.returncode == 78
    assert said in ran.stderr


def test_secrets_that_the_manifest_names_and_nobody_gave_are_done_without(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    file = manifest(
        source={"appTokenSecretRef": {"name": "token"}, "credentialsSecretRef": {"name": "me"}},
        notify=[{"slack": {"secretRef": {"name": "slack"}}}],
        hooks=[{"url": "https://127.0.0.1:1/hook", "headersSecretRef": {"name": "headers"}}],
    )
    ran = socratasync("run", "-f", file, "-o", "json", SOCRATASYNC_DSN=dsn)

    warnings = " ".join(json.loads(ran.stdout)["warnings"])
    for name in ("APP_TOKEN", "USERNAME", "NOTIFY_0", "HOOK_0_HEADERS"):
        assert f"SOCRATASYNC_{name}" in warnings
    assert ran.returncode == 0


def test_a_run_that_stops_early_exits_as_the_signal_says(
    socratasync: Command, manifest: Manifest, portal: Portal, dsn: str
) -> None:
    portal.faults.add(Fault.status(503), times=99)
    file = manifest()
    process = socratasync.start("run", "-f", file, SOCRATASYNC_DSN=dsn, SOCRATASYNC_FIRST_WAIT="60")
    assert process.stderr is not None
    next(line for line in process.stderr if "trying again in" in line)

    process.send_signal(2)
    stdout, stderr = process.communicate(timeout=5)

    assert process.returncode == 130
    assert "city-parks: stopped" in stdout
    assert "rolled back" in stderr


def test_a_terminal_gets_bars_and_no_log_lines(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    environ = socratasync.environ | {"SOCRATASYNC_DSN": dsn, "TERM": "xterm", "COLUMNS": "120"}
    code, shown = _in_a_terminal(socratasync.line("run", "-f", manifest()), environ)

    assert code == 0
    assert f"{PARKS} " in shown
    assert "━━━" in shown
    assert "5 rows" in shown
    assert "INFO" not in shown


def test_a_terminal_without_colour_gets_none(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    environ = socratasync.environ | {"SOCRATASYNC_DSN": dsn, "TERM": "xterm", "NO_COLOR": "1"}
    _, shown = _in_a_terminal(socratasync.line("run", "-f", manifest()), environ)

    assert "city-parks: synced" in shown
    for colour in range(30, 38):
        assert f"\x1b[{colour}m" not in shown


def _in_a_terminal(line: list[str], environ: dict[str, str]) -> tuple[int, str]:
    """Exit code, and everything that the terminal received."""
    ours, its = pty.openpty()
    with subprocess.Popen(line, stdin=its, stdout=its, stderr=its, env=environ) as process:
        os.close(its)
        received = b""
        try:
            while piece := os.read(ours, 65536):
                received += piece
        except OSError:  # how Linux says that the terminal's other end is closed
            pass
        process.wait(timeout=60)
    os.close(ours)
    return process.returncode, received.decode()


SECRETS = {
    "password": "Pass-word-of-the-DSN",
    "SOCRATASYNC_APP_TOKEN": "the-App-Token",
    "SOCRATASYNC_USERNAME": "the-Key-Id",
    "SOCRATASYNC_PASSWORD": 'the-"Key"-Secret',
    "SOCRATASYNC_NOTIFY_0": "https://127.0.0.1:1/services/Slack-Path",
    "SOCRATASYNC_HOOK_0_HEADERS": '{"Authorization": "Bearer Hook-Header"}',
}
HIDDEN = [
    "Pass-word-of-the-DSN",
    "the-App-Token",
    "the-Key-Id",
    "the-",
    "Slack-Path",
    "Hook-Header",
]


@pytest.mark.parametrize("arguments", [["-v"], ["-o", "json", "--log-format", "json", "-v"]])
@pytest.mark.parametrize("host", ["127.0.0.1:1", "[bad", "the server"])
def test_no_secret_is_shown_whatever_goes_wrong(
    socratasync: Command, manifest: Manifest, dsn: str, arguments: list[str], host: str
) -> None:
    file = manifest(
        source={"credentialsSecretRef": {"name": "me"}, "appTokenSecretRef": {"name": "token"}},
        notify=[{"slack": {"secretRef": {"name": "slack"}}, "on": ["Failure", "Success"]}],
        hooks=[{"url": "https://127.0.0.1:1/hook", "headersSecretRef": {"name": "headers"}}],
    )
    environ = dict(SECRETS)
    given = f"postgresql://me:{environ.pop('password')}@{host}/database?connect_timeout=2"
    if host == "the server":
        given = f"{dsn} password={SECRETS['password']}"
    ran = socratasync("run", "-f", file, "--dsn", given, *arguments, **environ)

    assert ran.stdout + ran.stderr
    for hidden in HIDDEN:
        assert hidden not in ran.stdout + ran.stderr


@pytest.mark.parametrize("command", ["run", "plan", "status"])
@pytest.mark.parametrize(
    "given",
    [
        pytest.param("host=127.0.0.1 port=1 user=me password=Pass-word", id="keywords"),
        pytest.param("postgresql://me:Pass-word@127.0.0.1:1/data", id="an address"),
        pytest.param("postgresql://me@127.0.0.1:1/data?password=Pass-word", id="a query"),
    ],
)
def test_a_password_in_the_arguments_is_warned_of_and_not_shown(
    socratasync: Command, manifest: Manifest, command: str, given: str
) -> None:
    ran = socratasync(command, "-f", manifest(), "--dsn", given, SOCRATASYNC_ATTEMPTS="1")

    warnings = [line for line in ran.stderr.splitlines() if "SOCRATASYNC_DSN" in line]
    assert len(warnings) == 1
    assert "list of processes" in warnings[0]
    assert "Pass-word" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("command", ["run", "plan", "status"])
def test_a_dsn_without_a_password_and_one_in_the_environment_are_not_warned_of(
    socratasync: Command, manifest: Manifest, command: str
) -> None:
    silent = socratasync(command, "-f", manifest(), "--dsn", "postgresql://me@127.0.0.1:1/data")
    secret = socratasync(
        command, "-f", manifest(), SOCRATASYNC_DSN="postgresql://me:Pass-word@127.0.0.1:1/data"
    )

    assert "list of processes" not in silent.stderr + secret.stderr


def test_the_warning_of_a_password_is_a_log_line_like_any_other(
    socratasync: Command, manifest: Manifest
) -> None:
    given = "postgresql://me:Pass-word@127.0.0.1:1/data"
    ran = socratasync(
        *("run", "-f", manifest(), "--dsn", given, "-o", "json", "--log-format", "json"),
        SOCRATASYNC_ATTEMPTS="1",
    )

    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert [line["level"] for line in lines if "SOCRATASYNC_DSN" in line["msg"]] == ["warning"]
    assert json.loads(ran.stdout)["ok"] is False


def test_a_range_is_read_again_and_told_as_such(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    rows(dsn, "UPDATE parks SET acres = -1 RETURNING name")
    options = ["--since", "2020-01-01", "--until", "2999-01-01", "--dataset", PARKS]

    ran = socratasync("run", "-f", manifest(), *options, "-o", "json", SOCRATASYNC_DSN=dsn)

    report = json.loads(ran.stdout)
    assert ran.returncode == 0, ran.stderr
    only = f"dataset={PARKS} since=2020-01-01T00:00:00Z until=2999-01-01T00:00:00Z"
    assert (report["mode"], report["only"], report["rows"]["updated"]) == ("update", only, 5)
    assert rows(dsn, "SELECT min(acres) FROM parks") == [(0,)]
    shown = socratasync("status", "-f", manifest(), SOCRATASYNC_DSN=dsn).stdout
    assert f"dataset={PARKS}" in shown


def test_a_reset_by_an_option_replaces_what_the_table_holds(
    socratasync: Command, manifest: Manifest, dsn: str
) -> None:
    socratasync("run", "-f", manifest(), SOCRATASYNC_DSN=dsn)
    rows(dsn, "INSERT INTO parks (name) VALUES ('mine') RETURNING name")

    ran = socratasync("run", "-f", manifest(), "--reset", "-o", "json", SOCRATASYNC_DSN=dsn)

    assert json.loads(ran.stdout)["mode"] == "full"
    assert rows(dsn, "SELECT count(*) FROM parks") == [(5,)]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--year", "2020"], "no dataset is of the year 2020"),
        (["--until", "2020-01-01"], "a range is not enough: it was never loaded before"),
        (["--until", "2020-01-01", "--mode", "full"], "--until reads a range, which --mode full"),
        (["--reset", "--mode", "update"], "--reset reads all rows, which --mode update does not"),
    ],
    ids=" ".join,
)
def test_a_selection_that_cannot_be_loaded_is_refused_before_a_row_is(
    socratasync: Command, manifest: Manifest, dsn: str, options: list[str], why: str
) -> None:
    ran = socratasync("run", "-f", manifest(), *options, "-o", "json", SOCRATASYNC_DSN=dsn)

    error = json.loads(ran.stdout)["error"]
    assert (ran.returncode, error["reason"]) == (78, "InvalidRequest")
    assert why in error["message"]
    assert rows(dsn, "SELECT to_regclass('parks')") == [(None,)]
