"""HTTPS as the source speaks it: connections that are kept alive, answers whose headers have a deadline, and where
errors of requests and urllib3 become ours."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from socratasync.contract.trust import NAME_AUTHORITY
from socratasync.errors import InvalidSpec, SourceTooSlow, SourceUnavailable, SyncError
from socratasync.pipeline.source.deadlines import Deadline, Timeouts
from socratasync.pipeline.source.refusals import proxy_wants_login

_EVERY = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
"""Seconds, seconds, times. A query may take ten minutes, and gateways forget a connection that was silent for less."""

_KEPT_ALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), value)
        for name, value in _EVERY.items()
        if hasattr(socket, name)  # not every system lets one choose
    ),
]


class Session(requests.Session):
    """Follows no redirect, nor reads the body of one, as requests does even where it does not follow."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None, as for an answer that is no redirect."""
        return None


class Adapter(HTTPAdapter):
    """Connections whose answers' headers have a deadline, and their bodies a time-out of their own."""

    def __init__(self, timeouts: Timeouts) -> None:
        self._pools = {"http": HTTPConnectionPool, "https": _pool(timeouts)}
        super().__init__()

    def init_poolmanager(self, *args: Any, **words: Any) -> None:
        """As requests does."""
        super().init_poolmanager(*args, **words)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **words: Any) -> Any:
        """As requests does."""
        manager: Any = super().proxy_manager_for(proxy, **words)
        if urlsplit(proxy).scheme.startswith("http"):
            manager.pool_classes_by_scheme = self._pools
        return manager


def _pool(timeouts: Timeouts) -> type[HTTPSConnectionPool]:
    class Connection(HTTPSConnection):
        default_socket_options: ClassVar[Any] = [
            *HTTPSConnection.default_socket_options,
            *_KEPT_ALIVE,
        ]

        def connect(self) -> None:
            # A socket's time-out is for each step, and a proxy's answer has as many as it has bytes.
            with _no_longer(3 * timeouts.connect, self):
                super().connect()

        def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
            wire = self.sock  # which the answer takes over if the connection is not kept
            with _no_longer(timeouts.first_byte, self):
                response = super().getresponse()
            with contextlib.suppress(OSError):
                wire.settimeout(timeouts.silence)
            return response

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool


@contextlib.contextmanager
def _no_longer(seconds: float, connection: HTTPSConnection) -> Iterator[None]:
    """Raises ``TimeoutError`` where the block did not end in time: the connection is closed then."""

    def cut() -> None:
        if connection.sock is not None:
            # Not the method of the TLS socket, which another thread is using.
            socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    deadline = Deadline(seconds, cut)
    try:
        with deadline:
            yield
    except Exception as exc:
        if deadline.is_over:
            raise TimeoutError("timed out") from exc
        raise
    if deadline.is_over:
        raise TimeoutError("timed out")


# -- errors of libraries ----------------------------------------------------------------------------


@contextlib.contextmanager
def translated(domain: str, dataset: str, slow: str = "a longer time may help") -> Iterator[None]:
    """Errors of requests and urllib3 leave as ours. ``slow``: what helps where no answer comes in time."""
    where = f"https://{domain} (dataset {dataset})"
    try:
        yield
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidProxyURL) as exc:
        raise InvalidSpec(
            f"{where} is not an address: {cause(exc)}. Check spec.domain and the proxy"
        ) from exc
    except requests.exceptions.SSLError as exc:
        raise SourceUnavailable(
            f"the certificate of {where} is not trusted: {cause(exc)}. If a proxy inspects TLS, {NAME_AUTHORITY}"
        ) from exc
    except requests.exceptions.ConnectTimeout as exc:
        raise SourceUnavailable(f"{where} could not be connected to in time") from exc
    except (requests.exceptions.Timeout, urllib3.exceptions.TimeoutError) as exc:
        raise SourceTooSlow(
            f"{where} did not answer in time (spec.source.timeouts); {slow}"
        ) from exc
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as exc:
        raise _connection_error(where, exc) from exc


def _connection_error(where: str, exc: Exception) -> SyncError:
    if "TLS CA certificate bundle" in str(exc):
        return InvalidSpec(
            f"{exc}. Correct REQUESTS_CA_BUNDLE or SSL_CERT_FILE, which names it (in a manifest: "
            "spec.job.podTemplate.env), or mount it (volumes, volumeMounts)"
        )
    why = cause(exc)
    if re.search(
        r"Tunnel connection failed: 407\b", why
    ):  # http.client says the status nowhere else
        return proxy_wants_login(f"HTTP 407 for {where}")
    return SourceUnavailable(f"the connection to {where} failed: {why}")


def cause(exc: BaseException) -> str:
    """The innermost reason, in one line: the outer ones repeat it in their own reprs."""
    while (inner := exc.__cause__ or exc.__context__) is not None:
        exc = inner
    return f"{type(exc).__name__}: {' '.join(str(exc).split())[:200]}"
