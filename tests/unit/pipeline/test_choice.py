"""When a dataset goes over to Socrata's other interface, and what it means where both refuse."""

from __future__ import annotations

import pytest

from socratasync.errors import (
    AppTokenRequired,
    AuthenticationFailed,
    DatasetNotFound,
    InvalidAppToken,
    InvalidSpec,
    SourceUnavailable,
    SyncError,
)
from socratasync.pipeline.source.choice import (
    INTERFACES,
    Choice,
    not_there,
    refused_by_both,
    sign_of,
)
from socratasync.pipeline.source.refusals import Refusal, Refused, explain

OWN_WORD = '{"code":"permission_denied","error":true,"message":"You must be logged in"}'
PAGE = "<html><head><title>Not here</title></head></html>"


def refused(status: int, body: str = "", *, path: str = "/resource/abcd-1234.csv") -> Refused:
    refusal = Refusal(status=status, body=body, what=path, asked_by_body=path.startswith("/api/v3"))
    return Refused(refusal, explain(refusal))


def by_soda3(status: int, body: str = "") -> Refused:
    return refused(status, body, path="/api/v3/views/abcd-1234/query.json")


@pytest.mark.parametrize(
    ("status", "sign"),
    [
        (410, "gone"),
        (501, "gone"),
        (404, "perhaps gone"),
        (403, "perhaps gone"),
        (401, "perhaps gone"),
        *((status, None) for status in (202, 204, 400, 407, 408, 414, 422, 425, 429)),
        *((status, None) for status in (500, 502, 503, 504, 520)),
    ],
)
def test_trouble_that_passes_is_no_sign_that_an_interface_is_gone(
    status: int, sign: str | None
) -> None:
    assert sign_of(refused(status)) == sign


def test_a_wrong_token_is_no_sign_either() -> None:
    wrong = refused(403)
    wrong.error = InvalidAppToken("wrong")

    assert sign_of(wrong) is None


@pytest.mark.parametrize(
    ("first", "other", "means", "said"),
    [
        pytest.param(
            refused(410),
            by_soda3(403),
            AppTokenRequired,
            r"^SODA2 answers HTTP 410, and by SODA3 the portal answers .*appTokenSecretRef",
            id="gone, and SODA3 wants a token",
        ),
        pytest.param(
            refused(404, PAGE),
            by_soda3(401),
            AppTokenRequired,
            "^SODA2 answers HTTP 404, and by SODA3",
            id="not found, and SODA3 wants a token",
        ),
        pytest.param(
            refused(403, PAGE),
            by_soda3(403),
            AppTokenRequired,
            "^SODA2 answers HTTP 403",
            id="forbidden by somebody before Socrata, and SODA3 wants a token",
        ),
        pytest.param(
            refused(403, PAGE),
            by_soda3(403, PAGE),
            SourceUnavailable,
            "not Socrata but a firewall",
            id="somebody before Socrata keeps us from both",
        ),
        pytest.param(
            refused(403, OWN_WORD),
            by_soda3(403),
            AuthenticationFailed,
            "the dataset is private",
            id="private in Socrata's own word",
        ),
        pytest.param(
            refused(403, OWN_WORD),
            by_soda3(503),
            AuthenticationFailed,
            "the dataset is private",
            id="private, and SODA3 is in trouble",
        ),
        pytest.param(
            refused(404),
            by_soda3(404),
            DatasetNotFound,
            "/resource/abcd-1234.csv",
            id="neither has the dataset",
        ),
        pytest.param(
            refused(404),
            by_soda3(404, PAGE),
            DatasetNotFound,
            "/resource/abcd-1234.csv",
            id="there is no SODA3",
        ),
        pytest.param(
            refused(404),
            by_soda3(503),
            SourceUnavailable,
            "HTTP 503 for /api/v3",
            id="not found, and SODA3 is in trouble, which passes",
        ),
        pytest.param(
            refused(410),
            SourceUnavailable("no route"),
            SourceUnavailable,
            "no route",
            id="gone, and SODA3 cannot be reached",
        ),
        pytest.param(
            refused(404),
            by_soda3(400),
            DatasetNotFound,
            "/resource/abcd-1234.csv",
            id="SODA3 does not take the query",
        ),
    ],
)
def test_what_it_means_that_both_refuse(
    first: Refused, other: Refused | SyncError, means: type[SyncError], said: str
) -> None:
    error = refused_by_both("SODA2", first, other)

    assert type(error) is means
    with pytest.raises(means, match=said):
        raise error


def test_soda3_that_came_to_want_a_token_is_told_where_soda2_is_gone() -> None:
    error = refused_by_both("SODA3", by_soda3(403), refused(410))

    assert type(error) is AppTokenRequired


@pytest.mark.parametrize("status", [410, 501])
def test_an_interface_that_the_manifest_insists_on_and_is_gone_is_named(status: int) -> None:
    error = not_there("SODA2", refused(status))

    assert type(error) is InvalidSpec
    assert (
        f"SODA2 is gone from the portal (HTTP {status} for /resource/abcd-1234.csv)"
        in error.message
    )
    assert "Write Auto, which goes over to SODA3" in error.message


def test_an_interface_that_the_manifest_insists_on_and_may_be_gone_is_left_to_its_own_words() -> (
    None
):
    missing = refused(404)

    assert not_there("SODA2", missing) is missing.error


def test_a_dataset_stays_with_the_interface_that_it_was_read_by_last() -> None:
    choice = Choice("Auto")
    choice.go_on({"late-0001": "SODA3"})

    assert choice.of("late-0001").name == "SODA3"
    assert choice.of("newc-0001").name == "SODA2"


@pytest.mark.parametrize("wanted", ["SODA2", "SODA3"])
def test_the_manifest_says_more_than_the_last_run(wanted: str) -> None:
    choice = Choice(wanted)  # type: ignore[arg-type]
    choice.go_on({"late-0001": "SODA3", "then-0001": "SODA2"})

    assert {choice.of(d).name for d in ("late-0001", "then-0001", "newc-0001")} == {wanted}
    assert not choice.is_free


def test_one_dataset_goes_over_and_the_others_stay() -> None:
    choice = Choice("Auto")

    choice.go_over("late-0001", choice.other_than(INTERFACES["SODA2"]), "it is gone")

    assert (choice.of("late-0001").name, choice.why("late-0001")) == ("SODA3", "it is gone")
    assert (choice.of("then-0001").name, choice.why("then-0001")) == ("SODA2", None)
    assert choice.other_than(INTERFACES["SODA3"]).name == "SODA2"
