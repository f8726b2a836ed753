from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync import errors
from socratasync.pipeline.source.refusals import Refusal, explain

EDGE_404 = json.dumps({"code": "dataset.missing", "error": True, "message": "Not found"})
EDGE_TOKEN = json.dumps(
    {"code": "permission_denied", "error": True, "message": "Invalid app_token specified"}
)
OLD_TOKEN = json.dumps({"error": True, "message": "Invalid app_token specified"})
EDGE_PRIVATE = json.dumps(
    {"code": "permission_denied", "error": True, "message": "You must be logged in"}
)
QUERY_COLUMN = json.dumps(
    {
        "message": "Query coordinator error: query.soql.no-such-column; No such column: statuss",
        "errorCode": "query.soql.no-such-column",
        "data": {"column": "statuss", "position": {"row": 1, "column": 8}},
    }
)
QUERY_TYPE = json.dumps({"message": "Type mismatch", "errorCode": "query.soql.type-mismatch"})
QUERY_429 = json.dumps({"message": "Too many requests", "errorCode": "too-many-requests"})
BARE_500 = json.dumps({"error": True, "message": "Internal error", "status": 500})
NO_ROW_ID = json.dumps(
    {
        "message": "No such column: :id",
        "errorCode": "query.soql.no-such-column",
        "data": {"column": ":id"},
    }
)
GROUPED = json.dumps({"message": "...", "errorCode": "query.soql.column-not-in-group-bys"})
HTML_403 = "<!DOCTYPE HTML><head><title>Request blocked</title></head>"
HTML_503 = "<html>\n<head><title>503 Service Unavailable</title></head><body>nginx</body></html>"


def refusal(status: int, body: str, *, token: bool = False, login: bool = False) -> Refusal:
    return Refusal(
        status=status,
        body=body,
        what="/resource/abcd-1234.csv",
        token_sent=token,
        credentials_sent=login,
        retry_after=7.0,
    )


@pytest.mark.parametrize(
    ("status", "body", "error", "exit_code", "said"),
    [
        pytest.param(
            202, "", errors.SourceUnavailable, 75, "still preparing", id="202 is no data yet"
        ),
        pytest.param(
            400, QUERY_COLUMN, errors.SchemaChanged, 65, "columns changed", id="400 column gone"
        ),
        pytest.param(
            400, QUERY_TYPE, errors.InvalidQuery, 78, "Check datasets[].where", id="400 bad query"
        ),
        pytest.param(400, "", errors.InvalidQuery, 78, "no message", id="400 with nothing"),
        pytest.param(
            401, EDGE_PRIVATE, errors.AuthenticationFailed, 77, "is private", id="401 no login"
        ),
        pytest.param(
            403, EDGE_PRIVATE, errors.AuthenticationFailed, 77, "is private", id="403 private"
        ),
        pytest.param(
            403, EDGE_TOKEN, errors.InvalidAppToken, 77, "remove it", id="403 wrong token"
        ),
        pytest.param(
            403, OLD_TOKEN, errors.InvalidAppToken, 77, "remove it", id="403 wrong token, no code"
        ),
        pytest.param(
            404, EDGE_404, errors.DatasetNotFound, 78, "Check the id", id="404 no such dataset"
        ),
        pytest.param(410, "", errors.DatasetNotFound, 78, "Check the id", id="410 dataset removed"),
        pytest.param(408, "", errors.SourceTooSlow, 75, "smaller source.pageSize", id="408 slow"),
        pytest.param(429, QUERY_429, errors.SourceThrottled, 75, "app token", id="429 throttled"),
        pytest.param(
            500, BARE_500, errors.SourceUnavailable, 75, "Internal error", id="500 bare envelope"
        ),
        pytest.param(
            502, "", errors.SourceUnavailable, 75, "no message", id="502 with an empty body"
        ),
        pytest.param(
            503,
            HTML_503,
            errors.SourceUnavailable,
            75,
            "an HTML page (503 service unavailable)",
            id="503 from the web server",
        ),
        pytest.param(
            403, HTML_403, errors.SourceUnavailable, 75, "a firewall", id="403 of a firewall"
        ),
        pytest.param(
            403, "error code: 1020", errors.SourceUnavailable, 75, "a firewall", id="403 of a CDN"
        ),
        pytest.param(
            403, "Invalid app_token", errors.InvalidAppToken, 77, "remove it", id="403 in words"
        ),
        pytest.param(403, "", errors.AuthenticationFailed, 77, "is private", id="403, no word"),
        pytest.param(
            401, HTML_403, errors.SourceUnavailable, 75, "a firewall", id="401 of another"
        ),
        pytest.param(
            404, HTML_403, errors.SourceUnavailable, 75, "no Socrata portal", id="404 of another"
        ),
        pytest.param(
            400, HTML_403, errors.SourceUnavailable, 75, "a firewall", id="400 of another"
        ),
        pytest.param(
            400, NO_ROW_ID, errors.DatasetNotFound, 78, "groups rows", id="400 no :id to ask for"
        ),
        pytest.param(
            400, GROUPED, errors.DatasetNotFound, 78, "groups rows", id="400 not in group by"
        ),
        pytest.param(
            400, '{"data":7,"code":[]}', errors.InvalidQuery, 78, "Check", id="400, odd envelope"
        ),
        pytest.param(422, "{}", errors.InvalidQuery, 78, "Check", id="422 bad query"),
        pytest.param(
            407, HTML_403, errors.AuthenticationFailed, 77, "HTTPS_PROXY", id="407 of our proxy"
        ),
        pytest.param(405, "{}", errors.SourceUnavailable, 75, "HTTP 405", id="405"),
        pytest.param(409, QUERY_429, errors.SourceUnavailable, 75, "cannot answer now", id="409"),
        pytest.param(412, QUERY_429, errors.SourceUnavailable, 75, "cannot answer now", id="412"),
        pytest.param(413, "", errors.InvalidQuery, 78, "target.fields", id="413 too long"),
        pytest.param(414, HTML_403, errors.InvalidQuery, 78, "target.fields", id="414 too long"),
        pytest.param(431, HTML_403, errors.InvalidQuery, 78, "target.fields", id="431 too long"),
        pytest.param(418, "{", errors.SourceUnavailable, 75, "HTTP 418", id="no one expects it"),
        pytest.param(103, "", errors.SourceUnavailable, 75, "did not answer with data", id="103"),
        pytest.param(204, "", errors.SourceUnavailable, 75, "did not answer with data", id="204"),
        pytest.param(206, "a,b", errors.SourceUnavailable, 75, "HTTP 206", id="206 is a part"),
        pytest.param(300, "", errors.SourceUnavailable, 75, "HTTP 300", id="300 is a choice"),
        pytest.param(304, "", errors.SourceUnavailable, 75, "HTTP 304", id="304, not asked for"),
        pytest.param(999, "", errors.SourceUnavailable, 75, "in trouble", id="999"),
    ],
)
def test_an_answer_that_is_no_data_says_what_happens_next(
    status: int, body: str, error: type[errors.SyncError], exit_code: int, said: str
) -> None:
    explained = explain(refusal(status, body))

    assert type(explained) is error
    assert explained.exit_code == exit_code
    assert said in explained.message
    assert "/resource/abcd-1234.csv" in explained.message


@pytest.mark.parametrize("status", [202, 429, 500, 503])
def test_a_wait_that_socrata_asks_for_is_kept_with_the_error(status: int) -> None:
    explained = explain(refusal(status, ""))

    assert isinstance(explained, errors.TryAgain)
    assert explained.retry_after == 7.0


def test_only_a_page_of_rows_can_be_asked_for_in_smaller_ones() -> None:
    count = Refusal(status=408, body="", what="/resource/abcd-1234.json")

    assert "pageSize" not in explain(count).message
    assert isinstance(explain(count), errors.SourceTooSlow)


def test_wrong_credentials_are_told_apart_from_none() -> None:
    assert (
        "Check source.credentialsSecretRef"
        in explain(refusal(403, EDGE_PRIVATE, login=True)).message
    )
    assert "Name an account" in explain(refusal(403, EDGE_PRIVATE)).message


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (EDGE_404, "dataset.missing", "Not found"),
        (QUERY_TYPE, "query.soql.type-mismatch", "Type mismatch"),
        (BARE_500, "", "Internal error"),
        (HTML_503, "", "an HTML page (503 service unavailable)"),
        ("<HTML>", "", "an HTML page (no title)"),
        ("out of\n  order", "", "out of order"),
        ("a\x00\x1b[31mred\x9b", "", "a [31mred"),
        ("[1, 2]", "", "[1, 2]"),
        ('{"message": null}', "", '{"message": null}'),
        ('{"message": ["x"], "code": {}}', "", '{"message": ["x"], "code": {}}'),
        ("[" * 100_000, "", "[" * 200),
        ("1" * 5000, "", "1" * 200),
        ('{"message": "half \\ud800"}', "", "half ?"),
        ("", "", ""),
    ],
)
def test_every_envelope_is_read_for_its_code_and_sentence(
    body: str, code: str, message: str
) -> None:
    assert refusal(500, body).code == code
    assert refusal(500, body).message == message


@given(st.integers(min_value=100, max_value=599), st.text(max_size=3000))
def test_any_answer_becomes_one_short_line(status: int, body: str) -> None:
    explained = explain(refusal(status, body))

    assert len(explained.message) < 700
    assert "\n" not in explained.message


# -- SODA3 ----------------------------------------------------------------------------------------

NO_COLUMN = json.dumps(
    {"code": "soql.analyzer.typechecker.no-such-column", "message": "No such column: statuss"}
)
INTERNAL = json.dumps(
    {
        "type": "soql.analyzer.typechecker.no-such-column",
        "data": {"column": ":id"},
        "english": "No column `:id'",
        "source": None,
    }
)
TIMED_OUT = json.dumps({"code": "soql.pg.timeout", "message": "Query timed out"})


def of_soda3(status: int, body: str = "", *, token: bool = False, login: bool = False) -> Refusal:
    return Refusal(
        status=status,
        body=body,
        what="/api/v3/views/abcd-1234/query.csv",
        token_sent=token,
        credentials_sent=login,
        asked_by_body=True,
    )


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", ["", EDGE_PRIVATE, EDGE_TOKEN, HTML_403, "no key"])
def test_who_sends_nothing_to_soda3_and_is_refused_needs_a_token_whatever_is_said(
    status: int, body: str
) -> None:
    explained = explain(of_soda3(status, body))

    assert type(explained) is errors.AppTokenRequired
    assert explained.exit_code == 77
    assert "spec.source.appTokenSecretRef" in explained.message


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        pytest.param(
            of_soda3(403, EDGE_TOKEN, token=True),
            errors.InvalidAppToken,
            "does not know the app token",
            id="a wrong token",
        ),
        pytest.param(
            of_soda3(403, EDGE_PRIVATE, token=True),
            errors.AuthenticationFailed,
            "the dataset is private",
            id="a private dataset",
        ),
        pytest.param(
            of_soda3(403, EDGE_PRIVATE, login=True),
            errors.AuthenticationFailed,
            "refuses the credentials",
            id="an account that may not read it",
        ),
        pytest.param(
            of_soda3(400, NO_COLUMN),
            errors.SchemaChanged,
            "No such column: statuss",
            id="a column that is gone",
        ),
        pytest.param(
            of_soda3(400, INTERNAL),
            errors.DatasetNotFound,
            "No column `:id'. It is a view that groups rows",
            id="a view without :id, in the form that servers use among themselves",
        ),
        pytest.param(
            of_soda3(408, TIMED_OUT),
            errors.SourceTooSlow,
            "a smaller source.pageSize may help",
            id="a query that took too long",
        ),
        pytest.param(
            of_soda3(202), errors.SourceUnavailable, "still preparing", id="an answer to come"
        ),
    ],
)
def test_soda3_s_refusals_mean_what_soda2_s_do(
    asked: Refusal, error: type[errors.SyncError], said: str
) -> None:
    explained = explain(asked)

    assert type(explained) is error
    assert said in explained.message


@pytest.mark.parametrize(
    ("status", "final"),
    [(400, True), (403, True), (404, True), (499, True)]
    + [(status, False) for status in (202, 408, 425, 429, 500, 503)],
)
def test_what_another_try_would_be_refused_again_is_final(status: int, final: bool) -> None:
    assert of_soda3(status).is_final is final
