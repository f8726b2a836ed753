"""The edge to Socrata: metadata, counts and pages of rows, asked again where that may help.

Rows go through as a stream, because nothing in Python is to hold a page, or to tell null from empty.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from socratasync.errors import TryAgain
from socratasync.pipeline.source import answers, soql
from socratasync.pipeline.source.answers import Metadata
from socratasync.pipeline.source.body import Body
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.rowstream import RowStream
from socratasync.pipeline.source.session import CSV, Sessions
from socratasync.pipeline.source.throttle import Throttle
from socratasync.pipeline.source.wire import translated

log = logging.getLogger(__name__)
T = TypeVar("T")

SMALLER = "a smaller source.pageSize may help"

PAGE_BYTES = 1024**3
"""Of one page of rows, unpacked: 20 kB for each of 50,000 rows. One that is longer is asked for with fewer."""


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
        page_bytes: int = PAGE_BYTES,
    ) -> None:
        self.domain = domain
        self.stopping = stopping or threading.Event()
        self._policy = policy or RetryPolicy()
        self._timeouts = timeouts or Timeouts()
        self._page_bytes = page_bytes
        self._throttle = Throttle(requests_at_once, self.stopping)
        self._sessions = Sessions(
            domain,
            app_token=app_token,
            credentials=credentials,
            timeouts=self._timeouts,
            stopping=self.stopping,
        )

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()

    # -- single answers ------------------------------------------------------------------------

    def metadata(self, dataset: str) -> Metadata:
        """The dataset's columns and time of change. Retries; raises ``DatasetNotFound`` and others."""
        return self._asked(dataset, f"/api/views/{dataset}.json", {}, answers.read_metadata)

    def newest(self, dataset: str, parameters: Mapping[str, str]) -> datetime | None:
        """The time that ``soql.newest`` asks for; None if no row has one. Retries."""
        return self._queried(dataset, parameters, answers.read_newest)

    def count(self, dataset: str, parameters: Mapping[str, str]) -> int:
        """The number that ``soql.count`` asks for. Retries."""
        return self._queried(dataset, parameters, answers.read_count)

    def has_rows(self, dataset: str, where: str | None) -> bool:
        """Whether a row meets the condition, without counting how many do. Retries."""
        return bool(self._queried(dataset, soql.any_row(where), answers.read_ids))

    def existing(self, dataset: str, ids: Sequence[str], where: str | None = None) -> set[str]:
        """Those of the rows with these ``:id``s that there are and meet ``where``. Retries."""
        found: set[str] = set()
        for start in range(0, len(ids), soql.MOST_IDS):
            parameters = soql.existing(ids[start : start + soql.MOST_IDS], where)
            found.update(self._queried(dataset, parameters, answers.read_ids))
        return found

    def _queried(
        self, dataset: str, parameters: Mapping[str, str], read: Callable[[str, bytes], T]
    ) -> T:
        return self._asked(dataset, f"/resource/{dataset}.json", parameters, read)

    def _asked(
        self,
        dataset: str,
        path: str,
        parameters: Mapping[str, str],
        read: Callable[[str, bytes], T],
    ) -> T:
        return self.retrying(lambda: read(dataset, self._answer(dataset, path, parameters)))

    def _answer(self, dataset: str, path: str, parameters: Mapping[str, str]) -> bytes:
        with self._throttle.request(), translated(self.domain, dataset):
            return self._sessions.answer(path, parameters, most=answers.MOST_BYTES)

    # -- rows ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def rows(self, dataset: str, parameters: Mapping[str, str]) -> Iterator[RowStream]:
        """One page as CSV, once: the caller retries, because only it can take back what it used."""
        with (
            self._throttle.request(),
            translated(self.domain, dataset, slow=SMALLER),
            self._sessions.opened(f"/resource/{dataset}.csv", parameters, CSV) as response,
        ):
            body = Body(
                response.raw,
                response.headers,
                seconds=self._timeouts.page,
                most=self._page_bytes,
                stopping=self.stopping,
                advice=f"; {SMALLER}",
            )
            yield RowStream(response, body)

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
