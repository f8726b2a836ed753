"""One request to one domain: by the interface in use, in its turn, and again where that may help.

Rows go through as a stream, because nothing in Python is to hold a page, or to tell null from empty.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from socratasync.api.source import Interface as Name
from socratasync.api.source import InterfaceChoice
from socratasync.contract.notices import Notice
from socratasync.errors import InterfaceChanged, SourceUnavailable, SyncError, TryAgain
from socratasync.pipeline.source import answers, soql
from socratasync.pipeline.source.announced import read_notice
from socratasync.pipeline.source.body import Body
from socratasync.pipeline.source.choice import (
    INTERFACES,
    Choice,
    not_there,
    refused_by_both,
    sign_of,
)
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.source.interface import Interface
from socratasync.pipeline.source.refusals import Refused
from socratasync.pipeline.source.request import Form, Request
from socratasync.pipeline.source.retry import RetryPolicy
from socratasync.pipeline.source.rowstream import RowStream
from socratasync.pipeline.source.session import Sessions
from socratasync.pipeline.source.soql import Query
from socratasync.pipeline.source.throttle import Throttle
from socratasync.pipeline.source.wire import translated

log = logging.getLogger(__name__)
T = TypeVar("T")

SMALLER = "a smaller source.pageSize may help"

PAGE_BYTES = 1024**3
"""Of one page of rows, unpacked: 20 kB for each of 50,000 rows. One that is longer is asked for with fewer."""


class Asking:
    """What is asked of one domain in one run. Safe to share between threads. Close it after use."""

    def __init__(
        self,
        domain: str,
        *,
        api: InterfaceChoice = "Auto",
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
        self._choice = Choice(api)
        self._notices: dict[Notice, None] = {}
        self._renamed: set[str] = set()
        self._throttle = Throttle(requests_at_once, self.stopping)
        session = partial(
            Sessions,
            domain,
            app_token=app_token,
            credentials=credentials,
            stopping=self.stopping,
            heard=self._hear,
        )
        self._sessions = session(timeouts=self._timeouts)
        self._impatient = session(timeouts=self._timeouts.for_a_question())

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()
        self._impatient.close()

    # -- interfaces ----------------------------------------------------------------------------

    def go_on(self, last: Mapping[str, Name]) -> None:
        """Dataset → the interface that its rows were read by last, for datasets that were loaded before."""
        self._choice.go_on(last)

    def interface(self, dataset: str) -> Name:
        """The interface that the dataset's rows are read by now."""
        return self._choice.of(dataset).name

    def why_changed(self, dataset: str) -> str | None:
        """A sentence that says why the dataset went over to another interface in this run; None if it did not."""
        return self._choice.why(dataset)

    def check_interface(self, dataset: str, by: Name | None) -> None:
        """Raises ``InterfaceChanged`` if the dataset is read by another interface than ``by`` by now."""
        if by is not None and (now := self.interface(dataset)) != by:
            raise InterfaceChanged(
                f"dataset {dataset}: its rows were read by {by}, and are read by {now} by now"
            )

    @property
    def notices(self) -> list[Notice]:
        """What the portal announced so far of an interface's end, each once."""
        return list(self._notices)

    def _hear(self, path: str, headers: Mapping[str, str]) -> None:
        if notice := read_notice(path, headers):
            self._notices.setdefault(notice)

    @contextlib.contextmanager
    def _or_by_the_other(self, dataset: str, interface: Interface) -> Iterator[None]:
        """Raises ``InterfaceChanged`` where the interface is gone, the other one answers, and so the dataset is
        read by that from now on."""
        try:
            yield
        except Refused as refused:
            self._go_over(dataset, interface, refused)
            raise InterfaceChanged(f"dataset {dataset}: {self.why_changed(dataset)}") from refused

    def _go_over(self, dataset: str, interface: Interface, refused: Refused) -> None:
        """Raises what the refusal means if the interface is not gone, or the other one does not count the rows."""
        if not self._choice.is_free:
            raise not_there(interface.name, refused) from refused
        if sign_of(refused) is None:
            raise refused.error from refused
        other = self._choice.other_than(interface)
        try:
            self._count_once(dataset, other)
        except (Refused, SyncError) as exc:
            raise refused_by_both(interface.name, refused, exc) from refused
        if sign_of(refused) != "gone" and self._answers(dataset, interface):
            raise refused.error from refused  # it was that one request that met somebody else
        why = (
            f"{refused.refusal.what} of {self.domain} answers HTTP {refused.refusal.status}; rows are read by "
            f"{other.name} from now on"
        )
        log.warning("%s: %s", dataset, why)
        self._choice.go_over(dataset, other, why)

    def _answers(self, dataset: str, interface: Interface) -> bool:
        """Whether it counts the dataset's rows now, or is in trouble that passes."""
        try:
            self._count_once(dataset, interface)
        except Refused as refused:
            return sign_of(refused) is None
        except SyncError:
            return True
        return True

    def _count_once(self, dataset: str, interface: Interface) -> int:
        request = self._request(interface, dataset, soql.count(None))
        return self._read(dataset, request, answers.read_count)

    # -- answers ---------------------------------------------------------------------------------

    def _queried(
        self,
        dataset: str,
        query: Query,
        read: Callable[[str, bytes], T],
        by: Name | None = None,
    ) -> T:
        def ask() -> T:
            self.check_interface(dataset, by)
            interface = self._choice.of(dataset)
            with self._or_by_the_other(dataset, interface):
                return self._read(dataset, self._request(interface, dataset, query), read)

        return self.retrying(ask) if by else self.by_either(lambda: self.retrying(ask))

    def _request(
        self, interface: Interface, dataset: str, query: Query, form: Form = "json"
    ) -> Request:
        return interface.ask(dataset, query, form, self._timeouts.first_byte)

    def _queried_in_passing(self, dataset: str, query: Query, read: Callable[[str, bytes], T]) -> T:
        """The answer to a question that one can do without: asked once, of the interface in use, and not waited for
        for long. Raises what keeps it from being answered; nothing follows from that."""
        timeouts = self._timeouts.for_a_question()
        interface = self._choice.of(dataset)
        request = interface.ask(dataset, query, "json", timeouts.first_byte)
        return self._once(dataset, request, read, self._impatient)

    def _once(
        self,
        dataset: str,
        request: Request,
        read: Callable[[str, bytes], T],
        sessions: Sessions | None = None,
    ) -> T:
        """As ``_read``; a refusal leaves as what it means."""
        try:
            return self._read(dataset, request, read, sessions)
        except Refused as refused:
            raise refused.error from refused

    def _read(
        self,
        dataset: str,
        request: Request,
        read: Callable[[str, bytes], T],
        sessions: Sessions | None = None,
    ) -> T:
        with self._throttle.request(), translated(self.domain, dataset):
            body = (sessions or self._sessions).answer(request, most=answers.MOST_BYTES)
        return read(dataset, body)

    # -- rows ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def rows(self, dataset: str, query: Query, *, by: Name | None = None) -> Iterator[RowStream]:
        """One page as CSV, once: the caller retries, because only it can take back what it used. ``by``: the
        interface that the pages before came by; a page of another does not go on where those ended. Raises
        ``InterfaceChanged`` then, and where this one turns out to be gone."""
        self.check_interface(dataset, by)
        interface = self._choice.of(dataset)
        with (
            self._or_by_the_other(dataset, interface),
            self._page(dataset, interface, query) as stream,
        ):
            yield stream

    @contextlib.contextmanager
    def rows_by(self, name: Name, dataset: str, query: Query) -> Iterator[RowStream]:
        """As ``rows``, by this interface, whichever the dataset is read by: to compare the two. Whatever it answers,
        the dataset stays with the one that it has."""
        try:
            with self._page(dataset, INTERFACES[name], query) as stream:
                yield stream
        except Refused as refused:
            raise refused.error from refused

    @contextlib.contextmanager
    def _page(self, dataset: str, interface: Interface, query: Query) -> Iterator[RowStream]:
        renames = interface.rename if dataset in self._renamed else None
        request = self._request(interface, dataset, renames(query) if renames else query, "csv")
        with (
            self._throttle.request(),
            translated(self.domain, dataset, slow=SMALLER),
            self._sessions.opened(request) as response,
        ):
            body = Body(
                response.raw,
                response.headers,
                seconds=self._timeouts.page,
                most=self._page_bytes,
                stopping=self.stopping,
                advice=f"; {SMALLER}",
            )
            yield RowStream(
                response,
                body,
                replica=interface.replica(response.headers),
                aliases=interface.aliases if renames else {},
                check=lambda came: self._check_header(dataset, interface, came, query.header),
            )

    def _check_header(
        self, dataset: str, interface: Interface, came: Sequence[str], wanted: Sequence[str]
    ) -> None:
        """An answer with more than was selected is asked for once more, in other words. Raises
        ``SourceUnavailable`` for that; another header line is the caller's to judge."""
        more = set(wanted) < set(came)
        if more and interface.rename and dataset not in self._renamed:
            self._renamed.add(dataset)
            raise SourceUnavailable(
                f"dataset {dataset}: {interface.name} answered with more columns than were selected"
            )

    # -- retries ---------------------------------------------------------------------------------

    def by_either(self, action: Callable[[], T]) -> T:
        """``action()``, once more where the interface turns out to be gone and the other one answers."""
        try:
            return action()
        except InterfaceChanged:
            return action()

    def retrying(self, action: Callable[[], T]) -> T:
        """``action()``, again after each ``TryAgain`` until the policy gives up; the last is raised. A change of
        the interface is raised at once: waiting would not help."""
        attempt = 1
        while True:
            try:
                return action()
            except InterfaceChanged:
                raise
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
