"""The edge to Socrata: metadata, counts and pages of rows, and where its errors become ours.

sodapy does metadata, counts and authentication; rows go through its ``session`` as a stream,
because its own reader holds a whole page twice and cannot tell null from empty.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from socratasync.errors import DatasetNotFound, SourceUnavailable, TryAgain
from socratasync.pipeline.columns import SourceColumn
from socratasync.pipeline.source import soql
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.rowstream import RowStream
from socratasync.pipeline.source.session import Sessions, Timeouts, translated
from socratasync.pipeline.source.throttle import Throttle

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What ``/api/views/<id>.json`` says of a dataset."""

    id: str
    name: str
    columns: tuple[SourceColumn, ...]
    rows_updated_at: datetime | None


class Source:
    """One Socrata domain, as one run sees it. Safe to share between threads. Close it after use."""

    def __init__(
        self,
        domain: str,
        *,
        app_token: str | None = None,
        credentials: tuple[str, str] | None = None,
        requests_at_once: int = 2,
        policy: RetryPolicy | None = None,
        timeouts: Timeouts | None = None,
        stopping: threading.Event | None = None,
    ) -> None:
        self.domain = domain
        self.stopping = stopping or threading.Event()
        self._policy = policy or RetryPolicy()
        self._timeouts = timeouts or Timeouts()
        self._throttle = Throttle(requests_at_once, self.stopping)
        self._sessions = Sessions(
            domain, app_token=app_token, credentials=credentials, timeouts=self._timeouts
        )

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()

    # -- single answers ------------------------------------------------------------------------

    def metadata(self, dataset: str) -> Metadata:
        """The dataset's columns and time of change. Retries; raises ``DatasetNotFound`` and others."""
        return self.retrying(lambda: _read_metadata(dataset, self._ask("get_metadata", dataset)))

    def first(self, dataset: str, parameters: dict[str, str]) -> dict[str, str]:
        """The one row of a query's answer, such as the newest change. Retries."""
        return self.retrying(lambda: self._first(dataset, parameters))

    def count(self, dataset: str, parameters: dict[str, str]) -> int:
        """The number that ``soql.count`` asks for. Retries."""
        return self.retrying(lambda: _read_count(dataset, self._first(dataset, parameters)))

    def existing(self, dataset: str, ids: Sequence[str]) -> set[str]:
        """Those of the rows with these ``:id``s that there are. Retries."""
        found: set[str] = set()
        for start in range(0, len(ids), soql.MOST_IDS):
            parameters = soql.existing(ids[start : start + soql.MOST_IDS])
            rows = self.retrying(partial(self._query, dataset, parameters))
            found.update(_read_ids(dataset, rows))
        return found

    def _first(self, dataset: str, parameters: dict[str, str]) -> dict[str, str]:
        return _first_row(dataset, self._query(dataset, parameters))

    def _query(self, dataset: str, parameters: dict[str, str]) -> Any:
        words = {name.removeprefix("$"): value for name, value in parameters.items()}
        return self._ask("get", dataset, **words)

    def _ask(self, method: str, dataset: str, **words: str) -> Any:
        with (
            self._throttle.request(),
            translated(self.domain, dataset),
            self._sessions.client() as client,
        ):
            return getattr(client, method)(dataset, **words)

    # -- rows ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def rows(self, dataset: str, parameters: dict[str, str]) -> Iterator[RowStream]:
        """One page as CSV, once: the caller retries, because only it can take back what it used."""
        url = f"https://{self.domain}/resource/{dataset}.csv"
        deadline = time.monotonic() + self._timeouts.request
        with (
            self._throttle.request(),
            translated(self.domain, dataset),
            self._sessions.client() as client,
        ):
            response = client.session.get(
                url,
                params=parameters,
                stream=True,
                timeout=(self._timeouts.connect, self._timeouts.read),
            )
            try:
                yield RowStream(response, deadline, self.stopping)
            finally:
                response.close()

    # -- retries ---------------------------------------------------------------------------------

    def retrying(self, action: Callable[[], T]) -> T:
        """``action()``, again after each ``TryAgain`` until the policy gives up; the last is raised."""
        attempt = 1
        while True:
            try:
                return action()
            except TryAgain as exc:
                if not self.wait_after(exc, attempt):
                    raise
                attempt += 1

    def wait_after(self, error: TryAgain, attempt: int) -> bool:
        """Wait as the policy says after failed try ``attempt`` (from 1); False: give up."""
        wait = self._policy.wait_before(attempt, error.retry_after)
        if wait is None:
            return False
        log.warning("%s; trying again in %.1f s (try %d)", error.message, wait, attempt + 1)
        if error.retry_after is not None:
            self._throttle.pause(wait)
        self._throttle.sleep(wait)
        return True


def _read_metadata(dataset: str, answer: object) -> Metadata:
    if not isinstance(answer, dict):
        raise SourceUnavailable(f"Socrata's description of {dataset} is not a JSON object")
    try:
        columns = [
            c
            for c in answer.get("columns") or []
            if c.get("fieldName") and "hidden" not in (c.get("flags") or [])
        ]
        updated = answer.get("rowsUpdatedAt")  # viewLastModified stays when rows change
        found = Metadata(
            id=dataset,
            name=str(answer.get("name", dataset)),
            columns=tuple(
                SourceColumn(field=str(c["fieldName"]), type=str(c.get("dataTypeName") or "text"))
                for c in sorted(columns, key=lambda c: c.get("position") or 0)
            ),
            rows_updated_at=datetime.fromtimestamp(updated, UTC) if updated else None,
        )
    except (AttributeError, TypeError, ValueError, OverflowError, OSError) as exc:
        raise SourceUnavailable(f"Socrata's description of {dataset} cannot be read") from exc
    if not found.columns:
        raise DatasetNotFound(
            f"{dataset} ({found.name}) is no table of rows, but perhaps a map, a chart, a file or a story; "
            "write the id of the dataset that it was made from"
        )
    return found


def _first_row(dataset: str, answer: object) -> dict[str, str]:
    if isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], dict):
        return answer[0]
    raise SourceUnavailable(
        f"Socrata's answer about {dataset} is not the one row that was asked for"
    )


def _read_ids(dataset: str, answer: object) -> list[str]:
    if isinstance(answer, list) and all(isinstance(row, dict) for row in answer):
        ids = [row.get(soql.ROW_ID) for row in answer]
        if all(isinstance(each, str) for each in ids):
            return ids
    raise SourceUnavailable(f"Socrata's answer about rows of {dataset} is not a list of their :id")


def _read_count(dataset: str, row: dict[str, str]) -> int:
    try:
        return int(row["source_rows"])
    except (KeyError, ValueError) as exc:
        raise SourceUnavailable(f"Socrata's count of {dataset} is not a number") from exc
