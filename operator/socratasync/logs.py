"""Log lines for people or, with ``--log-format json``, for machines; secrets masked in both."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

LogFormat = Literal["text", "json"]


class _Formatter(logging.Formatter):
    """Formats, then masks: a traceback may quote a DSN."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """The record as one masked line, with its traceback if it has one."""
        return self._redact(self.line(record))

    def line(self, record: logging.LogRecord) -> str:
        """The record before masking."""
        raise NotImplementedError

    def trace(self, record: logging.LogRecord) -> str:
        """The traceback of the record's exception; empty without one."""
        return self.formatException(record.exc_info) if record.exc_info else ""


class TextFormatter(_Formatter):
    """``07:00:02 WARNING  message``, times in UTC."""

    def line(self, record: logging.LogRecord) -> str:
        """One line for people."""
        at = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        trace = self.trace(record)
        return f"{at} {record.levelname:<7} {record.getMessage()}" + (f"\n{trace}" if trace else "")


class JsonFormatter(_Formatter):
    """One JSON object a line: ts, level, logger, msg, and the record's ``facts``."""

    def line(self, record: logging.LogRecord) -> str:
        """One line for machines."""
        entry: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if trace := self.trace(record):
            entry["trace"] = trace
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure(
    log_format: LogFormat,
    redact: Callable[[str], str],
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
) -> None:
    """Send all logs to ``stream`` (standard error): standard output is for results."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(redact) if log_format == "json" else TextFormatter(redact))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in ("urllib3", "requests", "psycopg"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
