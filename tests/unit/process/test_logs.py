from __future__ import annotations

import io
import json
import logging
import sys

import pytest

from socratasync.process.logs import JsonFormatter, LogFormat, TextFormatter, configure
from socratasync.process.redact import Redactor

PASSWORD = 'hun"ter\\2'


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("socratasync.stage", logging.WARNING, __file__, 1, message, args, None)
    made.created = 1709251202.5  # 2024-03-01T00:00:02.500Z
    made.__dict__.update(extra)
    return made


def failed(message: str) -> logging.LogRecord:
    """A record with a traceback whose own text holds the password."""
    try:
        int(f"number {PASSWORD}")
    except ValueError:
        made = record(message)
        made.exc_info = sys.exc_info()
    return made


def test_a_line_for_people_has_the_time_in_utc_and_the_level() -> None:
    line = TextFormatter(str).format(record("%s: %d rows", "abcd-1234", 7))

    assert line == "00:00:02 WARNING abcd-1234: 7 rows"


def test_a_line_for_machines_is_one_json_object_with_its_facts() -> None:
    facts = {"event": "progress", "rows": 7, "percent": None}

    line = JsonFormatter(str).format(record("7 rows", facts=facts))

    assert json.loads(line) == {
        "ts": "2024-03-01T00:00:02.500+00:00",
        "level": "warning",
        "logger": "socratasync.stage",
        "msg": "7 rows",
        **facts,
    }
    assert "\n" not in line


def test_a_line_for_machines_stays_json_when_a_password_in_it_is_masked() -> None:
    line = JsonFormatter(Redactor()).format(record("with password=hunter2", facts={"rows": 7}))

    assert json.loads(line)["msg"] == "with password=***"
    assert json.loads(line)["rows"] == 7


@pytest.mark.parametrize("formatter", [TextFormatter, JsonFormatter], ids=["text", "json"])
def test_no_secret_shows_in_message_facts_or_traceback(
    formatter: type[TextFormatter] | type[JsonFormatter],
) -> None:
    shown = formatter(Redactor([PASSWORD])).format(failed(f"no login with {PASSWORD}"))
    facts = formatter(Redactor([PASSWORD])).format(record("x", facts={"dsn": [PASSWORD]}))

    assert "no login with ***" in shown
    assert "ValueError" in shown
    for text in (shown, facts):
        assert PASSWORD not in text
        assert "hun" not in text


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_all_logs_go_to_the_one_stream_masked(
    root_logger: logging.Logger, log_format: LogFormat
) -> None:
    stream = io.StringIO()

    configure(log_format, Redactor(["hunter2"]), stream=stream)
    logging.getLogger("anything").info("hello hunter2")
    logging.getLogger("urllib3.connectionpool").warning("retrying")

    assert stream.getvalue().count("\n") == 1
    assert "hello ***" in stream.getvalue()
    assert len(root_logger.handlers) == 1
