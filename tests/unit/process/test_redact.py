from __future__ import annotations

import json
import traceback
from urllib.parse import quote

import psycopg
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo

from socratasync.process.redact import MASK, Redactor, mask_passwords, mask_values, passwords_in

PASSWORD = 's3cr\'et/päss@wort \\ "quoted"'

secrets = st.text(min_size=3, max_size=30).filter(lambda secret: secret != MASK)
texts = st.text(max_size=40)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        pytest.param(
            "postgresql://joe:hunter2@db:5432/x",
            "postgresql://joe:***@db:5432/x",
            id="in an address",
        ),
        pytest.param(
            "postgres://joe:a@b@db/x", "postgres://joe:***@db/x", id="with a stray at sign"
        ),
        pytest.param("http://:pw@proxy:3128", "http://:***@proxy:3128", id="without a user"),
        pytest.param("host=db password=hunter2 x=1", "host=db password=*** x=1", id="as a keyword"),
        pytest.param("password = 'a b\\'c' x=1", "password = *** x=1", id="as a quoted keyword"),
        pytest.param("/x?user=a&password=b&c=d", "/x?user=a&password=***&c=d", id="in a query"),
        pytest.param("sslpassword=hunter2", "sslpassword=***", id="of a client key"),
        pytest.param("PGPASSWORD=hunter2", "PGPASSWORD=***", id="in the environment"),
        pytest.param(
            "https://data.lacity.org/a:b@c", "https://data.lacity.org/a:b@c", id="no path"
        ),
        pytest.param(
            "write postgresql://user:password@host/x",
            "write postgresql://user:password@host/x",
            id="no pattern to follow",
        ),
        pytest.param("at 07:00 to a@b.org", "at 07:00 to a@b.org", id="no mail address"),
    ],
)
def test_what_looks_like_a_password_is_masked_though_nobody_named_it(
    text: str, masked: str
) -> None:
    assert mask_passwords(text) == masked
    assert Redactor()(text) == masked


@pytest.mark.parametrize(
    ("dsn", "password"),
    [
        pytest.param("postgresql://joe:hunter2@db/x", "hunter2", id="plain"),
        pytest.param("postgresql://joe:p%40ss%2Fw@db/x", "p@ss/w", id="percent-encoded"),
        pytest.param("postgresql://joe:p@ss@db/x", "p@ss", id="an at sign not encoded"),
        pytest.param("postgresql://joe:pa/ss@db/x", "pa/ss", id="a slash not encoded"),
        pytest.param("postgresql://db/x?user=joe&password=hunter2", "hunter2", id="in the query"),
        pytest.param("host=db password=hunter2", "hunter2", id="as a keyword"),
        pytest.param(r"host=db password='hun\'ter\\2'", r"hun'ter\2", id="as a quoted keyword"),
        pytest.param(r"host=db password=hun\'ter2", "hun'ter2", id="escaped without quotes"),
        pytest.param("PASSWORD = hunter2", "hunter2", id="in capitals with blanks"),
    ],
)
def test_the_password_is_found_in_a_dsn_of_either_form(dsn: str, password: str) -> None:
    redact = Redactor()
    redact.add_dsn(dsn)

    assert password in passwords_in(dsn)
    assert redact(f"no such role {password}!") == "no such role ***!"
    assert redact(f"cannot connect to {dsn}") == "cannot connect to ***"


@pytest.mark.parametrize("part", ["sesame"])
def test_parts_of_a_password_that_a_driver_takes_for_a_host_are_masked(part: str) -> None:
    redact = Redactor()
    redact.add_dsn(f"postgresql://joe:open@{part}@db/x")

    assert part not in redact(f'could not translate host name "{part}@db" to address')


def test_without_a_dsn_nothing_is_known() -> None:
    redact = Redactor([None, ""])
    redact.add_dsn(None)

    assert redact("anything") == "anything"


def test_a_secret_too_short_to_be_one_is_left_alone() -> None:
    assert Redactor(["on", "%41"])("on Monday, A to B") == "on Monday, A to B"


def test_a_secret_within_another_does_not_let_the_longer_one_show() -> None:
    assert Redactor(["abc", "abcdef"])("abcdef abc") == "*** ***"


def test_a_traceback_does_not_show_a_secret() -> None:
    redact = Redactor([PASSWORD])
    try:
        try:
            raise psycopg.OperationalError(f'connection failed: "{PASSWORD}"')
        except psycopg.Error as exc:
            raise RuntimeError([PASSWORD, {"dsn": PASSWORD}]) from exc
    except RuntimeError:
        shown = redact(traceback.format_exc())

    assert "s3cr" not in shown
    assert "quoted" not in shown
    assert "connection failed" in shown


@pytest.mark.parametrize(
    "written",
    [
        PASSWORD,
        quote(PASSWORD, safe=""),
        repr(PASSWORD),
        json.dumps(PASSWORD),
        json.dumps(PASSWORD, ensure_ascii=False),
        make_conninfo(password=PASSWORD),
    ],
    ids=["as it is", "percent-encoded", "as Python", "as ASCII JSON", "as JSON", "as a keyword"],
)
def test_a_secret_is_masked_however_it_is_written(written: str) -> None:
    assert "et" not in Redactor([PASSWORD])(f"({written})")


@given(before=texts, secret=secrets, after=texts)
def test_no_secret_survives_in_any_text(before: str, secret: str, after: str) -> None:
    assert secret not in Redactor([secret])(before + secret + after)


@given(st.lists(secrets, min_size=2, max_size=4), texts)
def test_no_secret_of_several_survives_even_where_they_meet(several: list[str], text: str) -> None:
    shown = Redactor(several)(text + "".join(several) + text + several[0])

    assert not [secret for secret in several if secret in shown]


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=3, max_size=20))
def test_no_password_of_a_dsn_survives_in_any_form(password: str) -> None:
    assume(password != MASK)
    url = f"postgresql://joe:{quote(password, safe='')}@db.example:5432/requests"
    keywords = make_conninfo(host="db.example", user="joe", password=password)
    for dsn in (url, keywords):
        redact = Redactor()
        redact.add_dsn(dsn)

        for text in (password, quote(password, safe=""), dsn, f"x{password}y"):
            assert password not in redact(f"connection to {text} failed")


@given(secret=secrets)
def test_values_are_masked_before_they_become_json(secret: str) -> None:
    entry = {
        "msg": f"<{secret}>",
        "facts": [secret, {"n": 1, "of": None}],
        "error": OSError(secret),
    }

    line = json.dumps(mask_values(entry, Redactor([secret])))

    values = json.loads(line)
    assert secret not in values["msg"]
    assert secret not in values["facts"][0]
    assert values["facts"][1] == {"n": 1, "of": None} or secret in ("n", "of")
    assert secret not in values["error"]


@given(texts, secrets)
def test_masking_twice_changes_nothing_more(text: str, secret: str) -> None:
    redact = Redactor([secret])

    assert redact(redact(text)) == redact(text)
