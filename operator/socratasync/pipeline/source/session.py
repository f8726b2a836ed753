"""HTTPS sessions with one domain, and the guard on every answer: what is not data leaves as our error.

sodapy makes the sessions, with token and credentials. They are lent out one to a request, since a requests
session is not for sharing between threads.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import sodapy
import urllib3

from socratasync.errors import (
    AuthenticationFailed,
    InvalidAppToken,
    SourceUnavailable,
    SyncError,
)
from socratasync.pipeline.source import redirects
from socratasync.pipeline.source.body import Body
from socratasync.pipeline.source.deadlines import Timeouts
from socratasync.pipeline.source.refusals import Refusal, Refused, explain
from socratasync.pipeline.source.request import CONTENT, Request
from socratasync.pipeline.source.retry import parse_retry_after
from socratasync.pipeline.source.wire import Adapter, Session, cause

ERROR_BODY_BYTES = 64 * 1024


class Sessions:
    """The sessions with one domain, with its token and credentials. ``heard`` is told each answer's path and
    headers."""

    def __init__(
        self,
        domain: str,
        *,
        app_token: str | None,
        credentials: tuple[str, str] | None,
        timeouts: Timeouts,
        stopping: threading.Event,
        heard: Callable[[str, Mapping[str, str]], None],
    ) -> None:
        self._domain = domain
        self._app_token = app_token
        self._credentials = credentials
        self._timeouts = timeouts
        self._stopping = stopping
        self._heard = heard
        self._idle: queue.LifoQueue[requests.Session] = queue.LifoQueue()

    def close(self) -> None:
        """Close the connections of all idle sessions."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def answer(self, request: Request, *, most: int) -> bytes:
        """The whole body of a small answer, of at most so many bytes."""
        with self.opened(request) as response:
            return b"".join(self._body(response, seconds=self._timeouts.answer, most=most))

    @contextlib.contextmanager
    def opened(self, request: Request) -> Iterator[requests.Response]:
        """An answer with status 200 and of the form that was asked for, its body still to be read. Raises
        ``Refused`` or ``SyncError`` for every other."""
        with self._session() as session:
            response = self._followed(session, request)
            with contextlib.closing(response):
                self._heard(request.path, response.headers)
                if response.status_code != 200:
                    raise self._refusal(response, request)
                _refuse_other_content(response, CONTENT[request.form])
                yield response

    # -- asking ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _session(self) -> Iterator[requests.Session]:
        try:
            session = self._idle.get_nowait()
        except queue.Empty:
            session = self._new(self._app_token)
        try:
            yield session
        finally:
            self._idle.put(session)

    def _new(self, app_token: str | None) -> requests.Session:
        user, password = self._credentials or (None, None)
        with _quiet_root_logger():
            client: Any = sodapy.Socrata(self._domain, app_token, username=user, password=password)
        session = Session()
        session.headers.update(client.session.headers)
        session.auth = client.session.auth
        session.mount("https://", Adapter(self._timeouts))
        session.headers["Accept-Encoding"] = "gzip"
        bundle = os.environ.get("SSL_CERT_FILE")
        if bundle and not os.environ.get("REQUESTS_CA_BUNDLE"):
            session.verify = bundle  # requests itself does not know this variable
        return session

    def _followed(self, session: requests.Session, request: Request) -> requests.Response:
        """The answer after redirects within the host, none of whose bodies is read. A POST follows none: where it
        leads, the query would be lost, and the whole dataset be the answer."""
        url, asked = f"https://{self._domain}{request.path}", request
        for _ in range(redirects.MOST + 1):
            response = self._sent(session, url, asked)
            if response.status_code not in redirects.STATUSES:
                return response
            with contextlib.closing(response):
                location = response.headers.get("Location")
                url = redirects.follow(response.status_code, response.url, location)
            if request.method == "POST":
                raise SourceUnavailable(
                    f"HTTP {response.status_code}: the portal redirects {request.path} to "
                    f"{urlsplit(url).path}, which is not followed: a query goes to one address alone"
                )
            asked = replace(request, parameters={})  # the new address has its own
        raise SourceUnavailable(f"the portal redirects {urlsplit(url).path} in a circle")

    def _sent(self, session: requests.Session, url: str, request: Request) -> requests.Response:
        try:
            return session.request(
                request.method,
                url,
                params=request.parameters,
                data=request.data,
                headers=request.headers,
                stream=True,
                allow_redirects=False,
                timeout=(self._timeouts.connect, self._timeouts.first_byte),
            )
        except (UnicodeError, urllib3.exceptions.LocationValueError) as exc:
            raise SourceUnavailable(f"the portal's answer cannot be read: {cause(exc)}") from exc

    def _body(self, response: requests.Response, *, seconds: float, most: int) -> Body:
        return Body(
            response.raw, response.headers, seconds=seconds, most=most, stopping=self._stopping
        )

    # -- what is not data ------------------------------------------------------------------------

    def _refusal(self, response: requests.Response, request: Request) -> Refused:
        refusal = Refusal(
            status=response.status_code,
            body=self._beginning(response),
            what=urlsplit(response.url).path,
            token_sent=self._app_token is not None,
            credentials_sent=self._credentials is not None,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC)),
            asked_by_body=request.body is not None,
        )
        return Refused(refusal, self._told_apart(explain(refusal), response.url, request))

    def _beginning(self, response: requests.Response) -> str:
        """What the body says, as far as it comes in time: the status says enough."""
        came, whole = bytearray(), False
        with contextlib.suppress(SyncError, urllib3.exceptions.HTTPError, OSError):
            body = self._body(response, seconds=self._timeouts.refusal, most=ERROR_BODY_BYTES)
            for piece in body:
                came += piece
            whole = True
        text = came.decode(errors="replace")
        # Half an envelope is none, and must not pass for what somebody else said.
        return text if whole or text.lstrip().startswith("<") else ""

    def _told_apart(self, error: SyncError, url: str, request: Request) -> SyncError:
        """A wrong app token fails where no token would: when 403 does not say which it is, ask again
        without the token; and where nobody without one is answered, whether the dataset is everybody's."""
        if not isinstance(error, AuthenticationFailed) or not self._app_token:
            return error
        bare = replace(request, parameters={})  # the address has them
        if self._answers_anybody(url, bare):
            return InvalidAppToken(
                "Socrata refuses the request with the app token and answers it without. Correct the "
                "secret that source.appTokenSecretRef names, or remove it"
            )
        if request.body is None or self._credentials or request.about is None:
            return error
        about = Request(path=f"/api/views/{request.about}.json")
        if self._answers_anybody(f"https://{self._domain}{about.path}", about):
            return InvalidAppToken(
                "Socrata refuses rows of a public dataset although an app token was sent: it is not one that "
                "the portal knows. Correct the secret that source.appTokenSecretRef names"
            )
        return error

    def _answers_anybody(self, url: str, request: Request) -> bool:
        """Whether it is answered without token."""
        with (
            contextlib.closing(self._new(None)) as session,
            contextlib.suppress(requests.RequestException, SourceUnavailable),
            contextlib.closing(self._sent(session, url, request)) as answer,
        ):
            return answer.status_code == 200
        return False


def _refuse_other_content(response: requests.Response, kind: str) -> None:
    """A proxy's log-in page comes with status 200 too."""
    came = response.headers.get("Content-Type", "").strip()[:100]
    if not came.lower().startswith(kind):
        raise SourceUnavailable(
            f"Socrata answered with {came or 'no content type'} instead of data; a proxy may stand between"
        )


@contextlib.contextmanager
def _quiet_root_logger() -> Iterator[None]:
    """sodapy warns on the root logger about every client without a token; a token is optional."""

    def keep(record: logging.LogRecord) -> bool:
        return "app_token" not in record.getMessage()

    root = logging.getLogger()
    root.addFilter(keep)
    try:
        yield
    finally:
        root.removeFilter(keep)
