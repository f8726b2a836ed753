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
from collections.abc import Iterator, Mapping
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
from socratasync.pipeline.source.refusals import Refusal, explain
from socratasync.pipeline.source.retry import parse_retry_after
from socratasync.pipeline.source.wire import Adapter, Session, cause

CSV, JSON = "text/csv", "application/json"

ERROR_BODY_BYTES = 64 * 1024


class Sessions:
    """The sessions with one domain, with its token and credentials."""

    def __init__(
        self,
        domain: str,
        *,
        app_token: str | None,
        credentials: tuple[str, str] | None,
        timeouts: Timeouts,
        stopping: threading.Event,
    ) -> None:
        self._domain = domain
        self._app_token = app_token
        self._credentials = credentials
        self._timeouts = timeouts
        self._stopping = stopping
        self._idle: queue.LifoQueue[requests.Session] = queue.LifoQueue()

    def close(self) -> None:
        """Close the connections of all idle sessions."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def answer(self, path: str, parameters: Mapping[str, str], *, most: int) -> bytes:
        """The whole body of a small JSON answer, of at most so many bytes."""
        with self.opened(path, parameters, JSON) as response:
            return b"".join(self._body(response, seconds=self._timeouts.answer, most=most))

    @contextlib.contextmanager
    def opened(
        self, path: str, parameters: Mapping[str, str], kind: str
    ) -> Iterator[requests.Response]:
        """An answer with status 200 and of this content type, its body still to be read. Raises
        ``SyncError`` for every other."""
        with self._session() as session:
            response = self._followed(session, f"https://{self._domain}{path}", parameters)
            with contextlib.closing(response):
                if response.status_code != 200:
                    raise self._refusal(response)
                _refuse_other_content(response, kind)
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

    def _followed(
        self, session: requests.Session, url: str, parameters: Mapping[str, str]
    ) -> requests.Response:
        """The answer after redirects within the host, none of whose bodies is read."""
        asked: Mapping[str, str] | None = parameters
        for _ in range(redirects.MOST + 1):
            response = self._get(session, url, asked)
            if response.status_code not in redirects.STATUSES:
                return response
            with contextlib.closing(response):
                location = response.headers.get("Location")
                url = redirects.follow(response.status_code, response.url, location)
            asked = None  # the new address has its own
        raise SourceUnavailable(f"the portal redirects {urlsplit(url).path} in a circle")

    def _get(
        self, session: requests.Session, url: str, parameters: Mapping[str, str] | None
    ) -> requests.Response:
        try:
            return session.get(
                url,
                params=parameters,
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

    def _refusal(self, response: requests.Response) -> SyncError:
        refusal = Refusal(
            status=response.status_code,
            body=self._beginning(response),
            what=urlsplit(response.url).path,
            token_sent=self._app_token is not None,
            credentials_sent=self._credentials is not None,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC)),
        )
        return self._told_apart(explain(refusal), response.url)

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

    def _told_apart(self, error: SyncError, url: str) -> SyncError:
        """A wrong app token fails where no token would: when 403 does not say which it is, ask again
        without the token."""
        if not isinstance(error, AuthenticationFailed) or not self._app_token:
            return error
        with (
            contextlib.closing(self._new(None)) as session,
            contextlib.suppress(requests.RequestException, SourceUnavailable),
            contextlib.closing(self._get(session, url, None)) as bare,
        ):
            if bare.status_code == 200:
                return InvalidAppToken(
                    "Socrata refuses the request with the app token and answers it without. Correct the "
                    "secret that source.appTokenSecretRef names, or remove it"
                )
        return error


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
