"""The edge to Socrata: the only HTTP to the source, and where its errors become ours.

sodapy does metadata, counts and authentication; rows go through its ``session`` as a stream,
because its own reader holds a whole page twice and cannot tell null from empty.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
import sodapy
import urllib3

from socratasync.columns import SourceColumn
from socratasync.envelopes import Refusal, explain
from socratasync.errors import (
    AuthenticationFailed,
    InvalidAppToken,
    InvalidSpec,
    SourceUnavailable,
    SyncError,
    Terminated,
    TryAgain,
)
from socratasync.retry import RetryPolicy, parse_retry_after
from socratasync.rowstream import RowStream

log = logging.getLogger(__name__)
T = TypeVar("T")

ERROR_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. ``read`` is per socket read: Socrata may think for minutes before the first byte."""

    connect: float = 10.0
    read: float = 120.0
    request: float = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What ``/api/views/<id>.json`` says of a dataset."""

    id: str
    name: str
    columns: tuple[SourceColumn, ...]
    rows_updated_at: datetime | None


class Budget:
    """How many requests may be under way at once to one domain, and until when all must wait.

    Pods behind one address share Socrata's anonymous quota, so a 429 pauses every download.
    """

    def __init__(self, requests_at_once: int, stopping: threading.Event) -> None:
        self._slots = threading.BoundedSemaphore(requests_at_once)
        self._stopping = stopping
        self._resume_at = 0.0

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """Hold one of the slots, once no pause is in force."""
        self.sleep(self._resume_at - time.monotonic())
        with self._slots:
            yield

    def pause(self, seconds: float) -> None:
        """Nobody starts a request for so long."""
        self._resume_at = max(self._resume_at, time.monotonic() + seconds)

    def sleep(self, seconds: float) -> None:
        """Wait, unless the run is being stopped. Raises ``Terminated``."""
        if self._stopping.wait(max(0.0, seconds)):
            raise Terminated


class Source:
    """One Socrata domain, as one run sees it. Safe to share between threads."""

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
        self._app_token = app_token
        self._credentials = credentials
        self.policy = policy or RetryPolicy()
        self._timeouts = timeouts or Timeouts()
        self._stopping = stopping or threading.Event()
        self._budget = Budget(requests_at_once, self._stopping)
        self._local = threading.local()

    # -- single answers ------------------------------------------------------------------------

    def metadata(self, dataset: str) -> Metadata:
        """The dataset's columns and time of change. Retries; raises ``DatasetNotFound`` and others."""
        return self.retrying(lambda: _read_metadata(dataset, self._ask("get_metadata", dataset)))

    def first(self, dataset: str, parameters: dict[str, str]) -> dict[str, str]:
        """The first row of a query's answer, such as a count. Retries."""
        words = {name.removeprefix("$"): value for name, value in parameters.items()}
        return self.retrying(lambda: _first_row(dataset, self._ask("get", dataset, **words)))

    def _ask(self, method: str, dataset: str, **words: str) -> Any:
        with self._budget.request(), _translated(self.domain, dataset):
            return getattr(self._client(), method)(dataset, **words)

    # -- rows ------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def rows(self, dataset: str, parameters: dict[str, str]) -> Iterator[RowStream]:
        """One page as CSV, once: the caller retries, because only it can take back what it used."""
        url = f"https://{self.domain}/resource/{dataset}.csv"
        deadline = time.monotonic() + self._timeouts.request
        with self._budget.request(), _translated(self.domain, dataset):
            response = self._client().session.get(
                url,
                params=parameters,
                stream=True,
                timeout=(self._timeouts.connect, self._timeouts.read),
            )
            try:
                yield RowStream(response, deadline, self._stopping)
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
        wait = self.policy.wait_before(attempt, error.retry_after)
        if wait is None:
            return False
        log.warning("%s; trying again in %.1f s (try %d)", error.message, wait, attempt + 1)
        if error.retry_after is not None:
            self._budget.pause(wait)
        self._budget.sleep(wait)
        return True

    # -- sessions --------------------------------------------------------------------------------

    def _client(self) -> Any:
        """This thread's sodapy client: a requests session is not for sharing."""
        if not hasattr(self._local, "client"):
            self._local.client = self._new_client(self._app_token)
        return self._local.client

    def _new_client(self, app_token: str | None) -> Any:
        user, password = self._credentials or (None, None)
        with _quiet_root_logger():
            client = sodapy.Socrata(
                self.domain,
                app_token,
                username=user,
                password=password,
                timeout=self._timeouts.read,
            )
        client.session.headers["Accept-Encoding"] = "gzip"
        client.session.hooks["response"].append(self._refuse)
        bundle = os.environ.get("SSL_CERT_FILE")
        if bundle and not os.environ.get("REQUESTS_CA_BUNDLE"):
            client.session.verify = bundle  # requests itself does not know this variable
        return client

    def _refuse(self, response: requests.Response, **_: object) -> None:
        """Response hook: whatever is not data leaves as our error, for sodapy's calls and ours."""
        _refuse_other_host(response)
        if response.status_code == 200:
            _refuse_other_content(response)
        if response.status_code == 200 or response.is_redirect:
            return
        refusal = Refusal(
            status=response.status_code,
            body=_beginning(response),
            what=urlsplit(response.url).path,
            token_sent=self._app_token is not None,
            credentials_sent=self._credentials is not None,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), datetime.now(UTC)),
        )
        raise self._told_apart(explain(refusal), response)

    def _told_apart(self, error: SyncError, response: requests.Response) -> SyncError:
        """A wrong app token fails where no token would: when 403 does not say which it is, ask again
        without the token."""
        if not isinstance(error, AuthenticationFailed) or not self._app_token:
            return error
        client = self._new_client(None)
        client.session.hooks["response"].clear()
        url = response.url
        with (
            contextlib.suppress(requests.RequestException),
            client.session.get(
                url, stream=True, timeout=(self._timeouts.connect, self._timeouts.read)
            ) as bare,
        ):
            if bare.status_code == 200:
                return InvalidAppToken(
                    "Socrata refuses the request with the app token and answers it without. Correct the "
                    "secret that source.appTokenSecretRef names, or remove it"
                )
        return error


@contextlib.contextmanager
def _translated(domain: str, dataset: str) -> Iterator[None]:
    """Errors of requests, urllib3, zlib and sodapy leave as ours."""
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
    except (requests.RequestException, urllib3.exceptions.HTTPError, zlib.error, OSError) as exc:
        raise SourceUnavailable(f"the connection to {where} failed: {_cause(exc)}") from exc


def _cause(exc: BaseException) -> str:
    """The innermost reason, in one line: the outer ones repeat it in their own reprs."""
    while (inner := exc.__cause__ or exc.__context__) is not None:
        exc = inner
    return f"{type(exc).__name__}: {' '.join(str(exc).split())[:200]}"


def _beginning(response: requests.Response) -> str:
    body = response.raw.read(ERROR_BODY_BYTES, decode_content=True)
    response.close()
    return bytes(body).decode(errors="replace")


def _refuse_other_host(response: requests.Response) -> None:
    """The app token goes to the host that the manifest names and to no other."""
    if not response.is_redirect:
        return
    target = urlsplit(response.headers["Location"]).netloc
    if target and target != urlsplit(response.url).netloc:
        raise InvalidSpec(f"the domain has moved: write {target} in spec.domain")


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
    root = logging.getLogger()
    keep = root.filters[:]
    root.addFilter(lambda record: "app_token" not in record.getMessage())
    try:
        yield
    finally:
        root.filters[:] = keep


def _read_metadata(dataset: str, answer: object) -> Metadata:
    if not isinstance(answer, dict) or not isinstance(answer.get("columns"), list):
        raise SourceUnavailable(
            f"Socrata's description of {dataset} has no columns; it may be a map or a story"
        )
    columns = [
        c for c in answer["columns"] if c.get("fieldName") and "hidden" not in c.get("flags", [])
    ]
    updated = answer.get("rowsUpdatedAt") or answer.get("viewLastModified")
    return Metadata(
        id=dataset,
        name=str(answer.get("name", dataset)),
        columns=tuple(
            SourceColumn(field=c["fieldName"], type=str(c.get("dataTypeName", "text")))
            for c in sorted(columns, key=lambda c: c.get("position", 0))
        ),
        rows_updated_at=datetime.fromtimestamp(updated, UTC) if updated else None,
    )


def _first_row(dataset: str, answer: object) -> dict[str, str]:
    if isinstance(answer, list) and len(answer) == 1 and isinstance(answer[0], dict):
        return answer[0]
    raise SourceUnavailable(
        f"Socrata's answer about {dataset} is not the one row that was asked for"
    )
