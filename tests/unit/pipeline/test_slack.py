from __future__ import annotations

import pytest
from tests.unit.pipeline.strangers import answer, says, stranger

from socratasync import errors
from socratasync.contract.report import DatasetReport, Rows, RunReport
from socratasync.pipeline.finish.http_call import send
from socratasync.pipeline.finish.slack import (
    Occasion,
    is_wanted,
    occasion,
    slack_call,
    slack_text,
)


def report(
    error: errors.SyncError | None = None, *, warnings: tuple[str, ...] = (), stopped: bool = False
) -> RunReport:
    rows = Rows(downloaded=12345, inserted=1000, updated=20, deleted=3)
    return RunReport(
        run="la-311-abc",
        mode="update",
        datasets=[DatasetReport(id="rq3b-xjk8", rows=rows)],
        error=error,
        warnings=list(warnings),
        terminated=stopped,
    )


@pytest.mark.parametrize(
    ("error", "failed_before", "what"),
    [
        (None, False, "Success"),
        (None, True, "Recovery"),
        (errors.SourceUnavailable("x"), False, "Failure"),
        (errors.SourceUnavailable("x"), True, "Failure"),
    ],
)
def test_what_a_run_is_to_those_who_wait_for_news(
    error: errors.SyncError | None, failed_before: bool, what: Occasion
) -> None:
    assert occasion(report(error), failed_before=failed_before) == what


@pytest.mark.parametrize(
    ("what", "wanted", "changed", "told"),
    [
        pytest.param("Failure", ["Failure"], False, True, id="a failure"),
        pytest.param("Failure", ["Success", "Recovery"], True, False, id="no failure"),
        pytest.param("Success", ["Success"], True, True, id="a success"),
        pytest.param("Success", ["Success"], False, False, id="no success without a change"),
        pytest.param("Success", ["Failure", "Recovery"], True, False, id="no success"),
        pytest.param("Recovery", ["Recovery"], False, True, id="a recovery"),
        pytest.param("Recovery", ["Success"], False, True, id="a recovery, for it is a success"),
        pytest.param("Recovery", ["Failure"], True, False, id="no recovery"),
        pytest.param("Failure", [], True, False, id="nothing"),
    ],
)
def test_people_are_told_of_what_they_asked_for(
    what: Occasion, wanted: list[str], changed: bool, told: bool
) -> None:
    assert is_wanted(what, wanted, changed=changed) is told


def test_a_message_of_success_has_the_counts() -> None:
    text = slack_text("data/la-311", "Success", report(warnings=("a", "b")))

    assert text == (
        ":white_check_mark: data/la-311: synced. 1,000 new, 20 changed, 3 deleted, 12,345 read; "
        "2 warnings (run la-311-abc)"
    )


def test_a_message_of_recovery_says_so() -> None:
    assert "data/la-311: works again." in slack_text("data/la-311", "Recovery", report())


def test_a_message_of_failure_says_what_to_do_and_calls_nobody_by_name() -> None:
    error = errors.DatasetNotFound("no such thing <!channel> & so on. Check the id")

    text = slack_text("data/la-311", "Failure", report(error))

    assert "DatasetNotFound: no such thing &lt;!channel&gt; &amp; so on. Check the id" in text
    assert "<!" not in text


def test_a_run_that_was_stopped_is_told_as_a_failure_without_a_reason() -> None:
    stopped = report(stopped=True)

    assert occasion(stopped, failed_before=False) == "Failure"
    assert "sync failed. stopped" in slack_text("x", "Failure", stopped)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (answer(404, b"no_service"), "the Slack webhook answered HTTP 404: no_service"),
        (
            answer(404, b"Cannot POST /services/T0AB/B0CD/s3cret"),
            "the Slack webhook answered HTTP 404: Cannot POST /***/***/***/***",
        ),
        (
            answer(302, Location="/services/T0AB/B0CD/s3cret/"),
            "the Slack webhook answered HTTP 302, a redirect to URL/***/***/***/***/, which is not followed: "
            "write the final address in the secret that notify.slackWebhookSecretRef names",
        ),
        (
            b"",
            "calling the Slack webhook failed: Remote end closed connection without response",
        ),
    ],
)
def test_what_is_said_of_a_webhook_never_shows_its_path(reply: bytes, said: str) -> None:
    with stranger(says(reply)) as known, pytest.raises(errors.HookFailed) as caught:
        send(slack_call(f"{known.url}/services/T0AB/B0CD/s3cret", "hello"))

    assert caught.value.message.replace(known.url, "URL") == said
    assert known.heard[0].startswith("POST /services/T0AB/B0CD/s3cret ")
    assert known.heard[0].endswith('{"text": "hello"}')
