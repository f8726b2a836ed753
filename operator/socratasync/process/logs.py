"""Log lines: text for people, JSON for machines, and secrets masked in both."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from io import TextIOBase
from typing import Any, Literal, TextIO

from socratasync.process.redact import mask_values

LogFormat = Literal["text", "json"]


class _Formatter(logging.Formatter):
    """Formats a record and masks secrets, also in tracebacks, which may quote a DSN."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self.redact = redact

    def trace(self, record: logging.LogRecord) -> str:
        """The traceback of the record's exception; empty if it has none."""
        return self.formatException(record.exc_info) if record.exc_info else ""


class TextFormatter(_Formatter):
    """Lines for people, such as ``07:00:02 WARNING  message``; times are in UTC."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback if there is one."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        trace = self.trace(record)
        line = f"{at} {record.levelname:<7} {record.getMessage()}"
        return self.redact(f"{line}\n{trace}" if trace else line)


class JsonFormatter(_Formatter):
    """Lines for machines: one JSON object with ts, level, logger, msg and the record's ``facts``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if trace := self.trace(record):
            entry["trace"] = trace
        return json.dumps(mask_values(entry, self.redact), ensure_ascii=False)


def configure(
    log_format: LogFormat,
    redact: Callable[[str], str],
    *,
    level: int = logging.INFO,
    stream: TextIO | TextIOBase | None = None,
) -> None:
    """Send all logs to ``stream``, by default standard error: standard output is for results."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(redact) if log_format == "json" else TextFormatter(redact))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for chatty in ("urllib3", "requests", "psycopg", "py.warnings"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
