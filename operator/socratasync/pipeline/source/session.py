"""sodapy clients for one domain, and the guard on every answer: what is not data leaves as our error.

Clients are lent out one to a request, since a requests session is not for sharing between threads.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import queue
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests
import sodapy
import urllib3

from socratasync.errors import (
    AuthenticationFailed,
    DeadlineExceeded,
    InvalidAppToken,
    InvalidSpec,
    SourceUnavailable,
    SyncError,
)
from socratasync.pipeline.source.refusals import Refusal, explain
from socratasync.pipeline.source.retry import parse_retry_after

ERROR_BODY_BYTES = 64 * 1024
ANSWER_BYTES = 64 * 1024 * 1024
"""Descriptions of datasets are below one megabyte; something longer is not one."""

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. ``read`` is per socket read: Socrata may think for minutes before the first byte.
    ``answer`` is for the whole of a small answer, ``request`` for the whole of a page of rows."""

    connect: float = 10.0
    read: float = 120.0
    answer: float = 300.0
    request: float = 1800.0


class Sessions:
    """The clients of one domain, with its token and credentials."""

    def __init__(
        self,
        domain: str,
        *,
        app_token: str | None,
        credentials: tuple[str, str] | None,
        timeouts: Timeouts,
    ) -> None:
        self._domain = domain
        self._app_token = app_token
        self._credentials = credentials
        self._timeouts = timeouts
        self._idle: queue.LifoQueue[Any] = queue.LifoQueue()

    @contextlib.contextmanager
    def client(self) -> Iterator[Any]:
        """A sodapy client for one request, whose answers are guarded."""
        try:
            client = self._idle.get_nowait()
        except queue.Empty:
            client = self._new(self._app_token)
            client.session.hooks["response"].append(self._guard)
        try:
            yield client
        finally:
            self._idle.put(client)

    def close(self) -> None:
        """Close the connections of all idle clients."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def _new(self, app_token: str | None) -> Any:
        user, password = self._credentials or (None, None)
        with _quiet_root_logger():
            client = sodapy.Socrata(
                self._domain,
                app_token,
                username=user,
                password=password,
                timeout=self._timeouts.read,
            )
        client.session.headers["Accept-Encoding"] = "gzip"
        bundle = os.environ.get("SSL_CERT_FILE")
        if bundle and not os.environ.get("REQUESTS_CA_BUNDLE"):
            client.session.verify = bundle  # requests itself does not know this variable
        return client

    def _guard(self, response: requests.Response, **words: Any) -> None:
        """Response hook, for sodapy's calls and ours."""
        try:
            self._check(response, whole=not words.get("stream"))
        except BaseException:
            response.close()  # nobody else will: it never reaches the one who asked
            raise

    def _check(self, response: requests.Response, *, whole: bool) -> None:
        _refuse_other_host(response)
        if response.is_redirect:
            return
        if response.status_code != 200:
            raise self._refusal(response)
        _refuse_other_content(response)
        if whole:
            _read_whole(response, time.monotonic() + self._timeouts.answer)

    def _refusal(self, response: requests.Response) -> SyncError:
        refusal = Refusal(
            status=response.status_code,
            body=_beginning(response),
            what=urlsplit(response.url).path,
            token_sent=self._app_token is not None,
            credentials_sent=self._credentials is not None,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC)),
        )
        return self._told_apart(explain(refusal), response.url)

    def _told_apart(self, error: SyncError, url: str) -> SyncError:
        """A wrong app token fails where no token would: when 403 does not say which it is, ask again
        without the token."""
        if not isinstance(error, AuthenticationFailed) or not self._app_token:
            return error
        client = self._new(None)
        timeout = (self._timeouts.connect, self._timeouts.read)
        with (
            contextlib.closing(client),
            contextlib.suppress(requests.RequestException),
            client.session.get(url, stream=True, timeout=timeout) as bare,
        ):
            if bare.status_code == 200:
                return InvalidAppToken(
                    "Socrata refuses the request with the app token and answers it without. Correct the "
                    "secret that source.appTokenSecretRef names, or remove it"
                )
        return error


def _beginning(response: requests.Response) -> str:
    try:
        body = response.raw.read(ERROR_BODY_BYTES, decode_content=True)
    except urllib3.exceptions.HTTPError:
        body = b""  # the status says enough
    finally:
        response.close()
    return bytes(body).decode(errors="replace")


def _read_whole(response: requests.Response, deadline: float) -> None:
    """Read a small answer now, against a deadline: sodapy would wait for ever for one that drips."""
    raw, body = response.raw, bytearray()
    while piece := raw.read1(_PIECE, decode_content=False):
        body += piece
        if time.monotonic() > deadline or len(body) > ANSWER_BYTES:
            response.close()
            raise DeadlineExceeded(f"the answer for {urlsplit(response.url).path} does not end")
    raw.release_conn()
    response.raw = urllib3.HTTPResponse(
        body=io.BytesIO(body), headers=raw.headers, status=raw.status, preload_content=False
    )


def _refuse_other_host(response: requests.Response) -> None:
    """The app token goes to the host that the manifest names, by HTTPS, and to no other."""
    if not response.is_redirect:
        return
    asked, target = urlsplit(response.url), urlsplit(response.headers["Location"])
    if target.netloc and target.netloc != asked.netloc:
        raise InvalidSpec(f"the domain has moved: write {target.netloc} in spec.domain")
    if target.scheme not in ("", asked.scheme):
        raise SourceUnavailable(f"Socrata redirects {asked.path} to {target.scheme}, not HTTPS")


def _refuse_other_content(response: requests.Response) -> None:
    """A proxy's log-in page comes with status 200 too."""
    kind = response.headers.get("Content-Type", "")
    if not kind.startswith(("application/json", "text/csv")):
        raise SourceUnavailable(
            f"Socrata answered with {kind or 'no content type'} instead of data; a proxy may stand between"
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


@contextlib.contextmanager
def translated(domain: str, dataset: str) -> Iterator[None]:
    """Errors of requests, urllib3 and sodapy leave as ours."""
    where = f"https://{domain} (dataset {dataset})"
    try:
        yield
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidProxyURL) as exc:
        raise InvalidSpec(
            f"{where} is not an address: {_cause(exc)}. Check spec.domain and the proxy"
        ) from exc
    except requests.exceptions.SSLError as exc:
        raise SourceUnavailable(
            f"the certificate of {where} is not trusted: {_cause(exc)}. If a proxy inspects TLS, name its "
            "CA bundle in REQUESTS_CA_BUNDLE"
        ) from exc
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as exc:
        raise SourceUnavailable(f"{where} did not answer in time") from exc
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as exc:
        if "TLS CA certificate bundle" in str(exc):
            raise InvalidSpec(
                f"{exc}. Correct REQUESTS_CA_BUNDLE or SSL_CERT_FILE, which names it"
            ) from exc
        raise SourceUnavailable(f"the connection to {where} failed: {_cause(exc)}") from exc


def _cause(exc: BaseException) -> str:
    """The innermost reason, in one line: the outer ones repeat it in their own reprs."""
    while (inner := exc.__cause__ or exc.__context__) is not None:
        exc = inner
    return f"{type(exc).__name__}: {' '.join(str(exc).split())[:200]}"
