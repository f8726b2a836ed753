from __future__ import annotations

import os
import string
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.api.moment import read_moment
from socratasync.api.selection import EVERYTHING, Selection
from socratasync.api.spec import SyncSpec
from socratasync.contract.environment import (
    Assignment,
    Secrets,
    not_given,
    read_assignment,
    read_secrets,
    redactor,
    write_environment,
)
from socratasync.contract.refresh_sql import with_sql
from socratasync.embedded.folder import data_folder
from socratasync.errors import (
    AuthenticationFailed,
    InvalidAppToken,
    InvalidRequest,
    InvalidSpec,
    SyncError,
)
from socratasync.pipeline import request


def test_secrets_come_from_the_environment() -> None:
    secrets = read_secrets(
        {
            "SOCRATASYNC_DSN": "postgresql://db/x",
            "SOCRATASYNC_APP_TOKEN": "token",
            "SOCRATASYNC_USERNAME": "joe",
            "SOCRATASYNC_PASSWORD": "hunter2",
            "SOCRATASYNC_NOTIFY_1": "https://hooks.example/x\n",
            "SOCRATASYNC_NOTIFY_0": " ",
            "SOCRATASYNC_HOOK_0_HEADERS": '{"Authorization": "Bearer x"}',
        }
    )

    assert secrets.dsn == "postgresql://db/x"
    assert secrets.credentials == ("joe", "hunter2")
    assert secrets.hook_headers == {0: {"Authorization": "Bearer x"}}
    assert secrets.channels == {1: "https://hooks.example/x"}
    assert set(secrets.values()) == {
        "postgresql://db/x",
        "token",
        "joe",
        "hunter2",
        "https://hooks.example/x",
        "Bearer x",
    }


def test_without_secrets_there_is_nothing_to_hide() -> None:
    assert read_secrets({}).values() == []
    assert read_secrets({}).credentials is None


def test_the_line_end_of_a_secret_file_is_no_part_of_the_secret() -> None:
    secrets = read_secrets({"SOCRATASYNC_APP_TOKEN": "token\r\n"})

    assert secrets.app_token == "token"


@pytest.mark.parametrize(
    ("variable", "field", "kept"),
    [
        ("SOCRATASYNC_DSN", "dsn", "x y"),
        ("SOCRATASYNC_APP_TOKEN", "app_token", "x y"),
        ("SOCRATASYNC_USERNAME", "username", "x y"),
        ("SOCRATASYNC_PASSWORD", "password", " \tx y "),
    ],
)
def test_white_space_around_a_secret_is_no_part_of_it_unless_it_may_be(
    variable: str, field: str, kept: str
) -> None:
    secrets = read_secrets({variable: " \tx y \r\n"})

    assert getattr(secrets, field) == kept


@pytest.mark.parametrize(
    "value", ["to\nken", "to\x00ken", "t\u00f6\u2019ken", "to\x7fken", "\ud800"]
)
@pytest.mark.parametrize(
    ("variable", "error"),
    [
        ("SOCRATASYNC_APP_TOKEN", InvalidAppToken),
        ("SOCRATASYNC_USERNAME", AuthenticationFailed),
        ("SOCRATASYNC_PASSWORD", AuthenticationFailed),
    ],
)
def test_a_secret_that_no_header_can_carry_is_refused_by_name_and_not_shown(
    variable: str, error: type[SyncError], value: str
) -> None:
    with pytest.raises(error, match=f"{variable} has characters") as caught:
        read_secrets({variable: value})

    assert value not in caught.value.message
    assert caught.value.exit_code == 77


@pytest.mark.parametrize(
    "headers",
    ['{"no name": "x"}', '{"": "x"}', '{"X": "a\\nb"}', '{"X": "\\u2019"}', '{"X\\n": "a"}'],
)
def test_what_is_no_header_is_refused_before_a_hook_is_called(headers: str) -> None:
    with pytest.raises(InvalidSpec, match=r"SOCRATASYNC_HOOK_3_HEADERS: .* is no HTTP header"):
        read_secrets({"SOCRATASYNC_HOOK_3_HEADERS": headers})


def test_an_empty_secret_counts_as_not_given() -> None:
    secrets = read_secrets({"SOCRATASYNC_DSN": "", "SOCRATASYNC_APP_TOKEN": "\n"})

    assert secrets.dsn is None
    assert secrets.app_token is None


@pytest.mark.parametrize(("user", "password"), [("joe", ""), ("", "hunter2")])
def test_half_of_the_credentials_are_none(user: str, password: str) -> None:
    environ = {"SOCRATASYNC_USERNAME": user, "SOCRATASYNC_PASSWORD": password}

    assert read_secrets(environ).credentials is None


def test_hook_headers_come_from_a_mounted_secret_a_file_each(tmp_path: Path) -> None:
    (tmp_path / "Authorization").write_text("Bearer x\n")
    (tmp_path / "..data").mkdir()
    (tmp_path / ".hidden").write_text("no header")

    found = read_secrets({"SOCRATASYNC_HOOK_12_HEADERS": str(tmp_path)}).hook_headers

    assert found == {12: {"Authorization": "Bearer x"}}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("/no/such/folder", "neither a folder nor a JSON object"),
        ("{not json", "neither a folder nor a JSON object"),
        ("[1]", "must be a JSON object"),
        ('"text"', "must be a JSON object"),
    ],
)
def test_hook_headers_of_another_form_are_refused(value: str, said: str) -> None:
    with pytest.raises(InvalidSpec, match=said) as caught:
        read_secrets({"SOCRATASYNC_HOOK_0_HEADERS": value})

    assert "SOCRATASYNC_HOOK_0_HEADERS" in caught.value.message


def test_hook_headers_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "Authorization").write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidSpec, match="cannot be read as text"):
        read_secrets({"SOCRATASYNC_HOOK_0_HEADERS": str(tmp_path)})


@pytest.mark.parametrize("name", ["SOCRATASYNC_HOOK_x_HEADERS", "SOCRATASYNC_HOOK__HEADERS", "X"])
def test_other_variables_are_no_hook_headers(name: str) -> None:
    assert read_secrets({name: "{not json"}).hook_headers == {}


def test_the_usual_policy_needs_no_settings() -> None:
    assert request.read_policy({}).attempts == 7
    assert request.read_policy({}).first_wait == 1.0
    assert request.read_lock_wait({}) == 30.0


@pytest.mark.parametrize(
    ("environ", "attempts", "first_wait"),
    [
        ({"SOCRATASYNC_ATTEMPTS": "3"}, 3, 1.0),
        ({"SOCRATASYNC_FIRST_WAIT": "0.01"}, 7, 0.01),
        ({"SOCRATASYNC_ATTEMPTS": "0"}, 1, 1.0),
    ],
)
def test_the_policy_can_be_set(environ: dict[str, str], attempts: int, first_wait: float) -> None:
    policy = request.read_policy(environ)

    assert (policy.attempts, policy.first_wait) == (attempts, first_wait)


@pytest.mark.parametrize("text", ["", "soon", "-1", "nan", "inf", "1e9"])
def test_a_setting_that_is_no_sensible_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidSpec, match="SOCRATASYNC_LOCK_WAIT must be"):
        request.read_lock_wait({"SOCRATASYNC_LOCK_WAIT": text})


def test_the_data_folder_is_the_one_given() -> None:
    assert data_folder({"SOCRATASYNC_DATA": "/srv/data", "XDG_DATA_HOME": "/x"}) == Path(
        "/srv/data"
    )
    assert data_folder({"SOCRATASYNC_DATA": "~/data"}) == Path("~/data").expanduser()


def test_the_data_folder_is_otherwise_one_that_its_user_may_write() -> None:
    folder = data_folder({"XDG_DATA_HOME": "/home/joe/.data"})

    as_root = os.geteuid() == 0
    assert folder == Path("/var/lib/socratasync" if as_root else "/home/joe/.data/socratasync")


# -- a worker's orders --------------------------------------------------------------------------

SPEC = SyncSpec.from_json(
    {
        "domain": "data.lacity.org",
        "datasets": [{"id": "rq3b-xjk8"}],
        "since": "2024-01-01T00:00:00Z",
        "source": {"appTokenSecretRef": {"name": "a"}, "credentialsSecretRef": {"name": "b"}},
        "hooks": [{"url": "https://app.example.org/reload", "headersSecretRef": {"name": "d"}}],
        "target": {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]},
    }
)
ORDERS = {
    "SOCRATASYNC_NAME": "la-311",
    "SOCRATASYNC_RUN": "la-311-1234",
    "SOCRATASYNC_SPEC": SPEC.to_json(for_worker=True),
    "SOCRATASYNC_DSN": "postgresql://db/x",
}


def test_a_worker_reads_its_orders_from_the_environment() -> None:
    orders = read_assignment(
        {
            **ORDERS,
            "SOCRATASYNC_NAMESPACE": "data",
            "SOCRATASYNC_MODE": "full",
            "SOCRATASYNC_SINCE": "2024-02-01",
            "SOCRATASYNC_ARCHIVE": "/archive",
        }
    )

    assert orders == Assignment(
        name="la-311",
        namespace="data",
        run="la-311-1234",
        mode="full",
        since=datetime(2024, 2, 1, tzinfo=UTC),
        spec=SPEC,
        archive=Path("/archive"),
    )


def test_what_the_orders_leave_open_is_as_the_spec_says() -> None:
    orders = read_assignment(ORDERS)

    assert (orders.mode, orders.namespace, orders.archive) == ("update", "default", None)
    assert orders.since == datetime(2024, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"SOCRATASYNC_SPEC": "", "SOCRATASYNC_DSN": ""}, "SOCRATASYNC_SPEC, SOCRATASYNC_DSN"),
        ({"SOCRATASYNC_RUN": ""}, "use: socratasync run -f FILE"),
        ({"SOCRATASYNC_MODE": "delta"}, "SOCRATASYNC_MODE must be update or full, not 'delta'"),
        ({"SOCRATASYNC_SINCE": "soon"}, "SOCRATASYNC_SINCE must be a date or time"),
        ({"SOCRATASYNC_SPEC": "{"}, "spec: is not JSON"),
        ({"SOCRATASYNC_SPEC": "{}"}, "spec.domain: is missing"),
    ],
)
def test_orders_that_are_missing_or_wrong_are_named(changes: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        read_assignment({**ORDERS, **changes})

    assert said in caught.value.message


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        (" 2024-02-29T07:00:00Z ", datetime(2024, 2, 29, 7, tzinfo=UTC)),
        ("2024-02-29T07:00", datetime(2024, 2, 29, 7, tzinfo=UTC)),
        (
            "2024-02-29T07:00:00-08:00",
            datetime(2024, 2, 29, 7, tzinfo=timezone(timedelta(hours=-8))),
        ),
    ],
)
def test_a_moment_without_a_zone_is_in_utc(text: str, at: datetime) -> None:
    assert read_moment(text, "--since") == at


@pytest.mark.parametrize("text", ["", "soon", "2024-02-30", "29.02.2024", "1709251202"])
def test_a_moment_that_cannot_be_read_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidSpec, match="--since must be a date or time, such as 2024-01-31"):
        read_moment(text, "--since")


def test_every_secret_that_is_named_and_not_given_is_told() -> None:
    told = not_given(SPEC, read_secrets({}))

    assert [sentence.partition(" ")[0] for sentence in told] == [
        "source.appTokenSecretRef",
        "source.credentialsSecretRef",
        "hooks[0].headersSecretRef",
    ]
    secrets = read_secrets(
        {
            "SOCRATASYNC_APP_TOKEN": "x",
            "SOCRATASYNC_USERNAME": "x",
            "SOCRATASYNC_PASSWORD": "x",
            "SOCRATASYNC_HOOK_0_HEADERS": "{}",
        }
    )
    assert not_given(SPEC, secrets) == []


def test_a_channel_whose_address_nobody_gave_is_told_by_its_variable() -> None:
    channel = {"webhook": {"secretRef": {"name": "c"}}}
    spec = SyncSpec.from_json({**SPEC.as_manifest(), "notify": [channel] * 3})

    told = not_given(spec, read_secrets({"SOCRATASYNC_NOTIFY_1": "https://x"}))

    assert [sentence for sentence in told if "notify" in sentence] == [
        "notify[0] is not told, because SOCRATASYNC_NOTIFY_0 is not set",
        "notify[2] is not told, because SOCRATASYNC_NOTIFY_2 is not set",
    ]


def test_what_masks_the_secrets_knows_the_password_within_the_dsn() -> None:
    environ = {
        "SOCRATASYNC_DSN": "postgresql://joe:hunter2@db/x",
        "SOCRATASYNC_APP_TOKEN": "my-token",
        "SOCRATASYNC_HOOK_0_HEADERS": '{"Authorization": "Bearer my-bearer"}',
        "SOCRATASYNC_NOTIFY_7": "https://hooks.example/my-webhook",
    }

    for redact in (redactor(environ), read_secrets(environ).redactor()):
        assert redact("hunter2 my-token https://hooks.example/my-webhook") == "*** *** ***"
    assert read_secrets(environ).redactor()("x Bearer my-bearer") == "x ***"


# -- written and read ---------------------------------------------------------------------------

KUBERNETES = {
    ("db", "dsn"): "postgresql://db/x",
    ("a", "token"): "token",
    ("b", "username"): "joe",
    ("b", "password"): "hunter2",
}
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=40)
assignments = st.builds(
    Assignment,
    name=names,
    namespace=names,
    run=names,
    mode=st.just("full"),
    since=st.none(),
    spec=st.just(SPEC),
    selection=st.sampled_from(
        [
            EVERYTHING,
            Selection(years=(2020, 2019), datasets=("abcd-1234",), reset=True),
            Selection(since=datetime(2024, 1, 1, 7, tzinfo=UTC)),
        ]
    ),
    archive=st.none() | st.builds(Path, names),
) | st.builds(
    Assignment,
    name=names,
    namespace=names,
    run=names,
    mode=st.just("update"),
    since=st.datetimes(timezones=st.just(UTC)),
    spec=st.builds(
        lambda domain, ids: SPEC.model_copy(
            update={
                "domain": domain,
                "datasets": tuple(SPEC.datasets[0].model_copy(update={"id": i}) for i in ids),
            }
        ),
        names,
        st.lists(
            st.from_regex("[a-z0-9]{4}-[a-z0-9]{4}", fullmatch=True),
            min_size=1,
            max_size=5,
            unique=True,
        ),
    ),
    archive=st.none() | st.builds(Path, names),
)


def resolved(assignment: Assignment) -> dict[str, str]:
    """The environment as the kubelet makes it of what the operator wrote."""
    environ = {}
    for variable in write_environment(assignment):
        reference = variable.get("valueFrom", {}).get("secretKeyRef")
        environ[variable["name"]] = (
            KUBERNETES[reference["name"], reference["key"]] if reference else variable["value"]
        )
    return environ


@given(assignments)
def test_orders_are_read_as_they_were_written(assignment: Assignment) -> None:
    assert read_assignment(resolved(assignment)) == assignment


def test_a_selection_that_is_not_understood_is_refused() -> None:
    environ = {
        **resolved(
            Assignment(name="n", namespace="d", run="r", mode="full", since=None, spec=SPEC)
        ),
        "SOCRATASYNC_ONLY": "yaer=2020",
    }

    with pytest.raises(InvalidRequest, match="'yaer=2020' is not understood"):
        read_assignment(environ)


def test_a_run_is_told_nothing_of_those_whom_the_operator_tells() -> None:
    channel = {"slack": {"secretRef": {"name": "who-is-told"}}}
    spec = SyncSpec.from_json({**SPEC.as_manifest(), "notify": [channel]})
    assignment = Assignment(name="n", namespace="d", run="r", mode="full", since=None, spec=spec)

    assert "who-is-told" not in str(write_environment(assignment))
    assert read_assignment(resolved(assignment)).spec == SPEC


def test_the_kubelet_finds_no_name_of_a_variable_in_a_spec() -> None:
    where = "a = '$(SOCRATASYNC_DSN)' AND b = '$$'"
    datasets = [{"id": "rq3b-xjk8", "where": where}]
    spec = SyncSpec.from_json({**SPEC.as_manifest(), "datasets": datasets})
    assignment = Assignment(name="n", namespace="d", run="r", mode="full", since=None, spec=spec)

    environ = resolved(assignment)

    assert "$" not in environ["SOCRATASYNC_SPEC"]
    assert read_assignment(environ).spec.datasets[0].where == where


def test_every_secret_that_a_spec_names_reaches_its_field_by_reference() -> None:
    assignment = Assignment(
        name="n", namespace="d", run="r", mode="full", since=None, spec=SPEC, archive=None
    )
    environ = resolved(assignment)
    environ["SOCRATASYNC_HOOK_0_HEADERS"] = '{"Authorization": "Bearer x"}'
    secrets = read_secrets(environ)

    assert secrets == Secrets(
        dsn="postgresql://db/x",
        app_token="token",
        username="joe",
        password="hunter2",
        hook_headers={0: {"Authorization": "Bearer x"}},
    )
    assert all(getattr(secrets, f.name) for f in fields(Secrets) if f.name != "channels")
    written = str(write_environment(assignment))
    assert not any(value in written for value in KUBERNETES.values() if len(value) > 5)
    redact = redactor(environ)
    assert all(redact(value) == "***" for value in secrets.values() if not value.startswith("Bear"))


# -- the SQL of a config map ---------------------------------------------------------------------------


MAPPED = {"sqlConfigMapRef": {"name": "app", "key": "after.sql"}}


def _refreshing(refresh: Mapping[str, object]) -> SyncSpec:
    target = {"dsnSecretRef": {"name": "db"}, "table": "requests", "key": ["srnumber"]}
    spec = {"domain": "d.example", "datasets": [{"id": "abcd-0001"}], "target": target}
    return SyncSpec.from_json({**spec, "refresh": refresh})


def _assigned(spec: SyncSpec) -> Assignment:
    return Assignment(name="n", namespace="data", run="r", mode="update", since=None, spec=spec)


def test_the_sql_of_a_config_map_reaches_the_worker_by_reference() -> None:
    written = write_environment(_assigned(_refreshing(MAPPED)))
    (sql,) = [each for each in written if each["name"] == "SOCRATASYNC_REFRESH_SQL"]
    assert sql["valueFrom"] == {"configMapKeyRef": {"name": "app", "key": "after.sql"}}
    environ = {each["name"]: each.get("value", "postgresql://db") for each in written}

    read = read_assignment({**environ, "SOCRATASYNC_REFRESH_SQL": "SELECT $$;$$;\nSELECT 2\n"})

    assert [statement.text for statement in read.spec.refresh.script] == [
        "SELECT $$;$$",
        "SELECT 2",
    ]
    assert not_given(read.spec, Secrets()) == []


def test_sql_of_the_manifest_reaches_the_worker_as_it_is() -> None:
    """The kubelet, which would take $(NAME) and $$ for its own, finds no dollar."""
    text = "DO $$ BEGIN PERFORM '$(SOCRATASYNC_DSN)'; END $$;\n"
    written = write_environment(_assigned(_refreshing({"sql": text})))
    environ = {each["name"]: each.get("value", "postgresql://db") for each in written}

    assert "SOCRATASYNC_REFRESH_SQL" not in environ
    assert "$" not in environ["SOCRATASYNC_SPEC"]
    given = {**environ, "SOCRATASYNC_REFRESH_SQL": "SELECT 1"}  # which nobody asked for
    assert read_assignment(given).spec.refresh.sql == text


def test_sql_that_nobody_gave_is_told() -> None:
    said = "refresh.sqlConfigMapRef is named, but SOCRATASYNC_REFRESH_SQL is not set: no SQL is run after the merge"

    assert not_given(_refreshing(MAPPED), Secrets()) == [said]
    assert not_given(_refreshing({"sql": "SELECT 1"}), Secrets()) == []
    assert not_given(_refreshing({}), Secrets()) == []


WHERE = "after.sql of the config map app (spec.refresh.sqlConfigMapRef)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", f"{WHERE}: must have a statement; leave it out to run nothing"),
        ("SELECT 1;\nVACUUM", f"{WHERE}: line 2: VACUUM: PostgreSQL runs this in no transaction"),
        ("SELECT '\udcff'", f"{WHERE}: must be UTF-8"),
        ("é" * 60_001, f"{WHERE}: must be at most 120,000 bytes long; put what is longer into"),
    ],
)
def test_sql_of_a_config_map_that_cannot_be_run_is_refused_by_its_place(
    text: str, said: str
) -> None:
    with pytest.raises(InvalidSpec) as refused:
        with_sql(_refreshing(MAPPED), {"SOCRATASYNC_REFRESH_SQL": text})

    assert refused.value.message.startswith(said)


def test_the_longest_sql_of_a_config_map_is_read() -> None:
    text = f"SELECT '{'é' * 59_995}'"

    assert with_sql(_refreshing(MAPPED), {"SOCRATASYNC_REFRESH_SQL": text}).refresh.sql == text
