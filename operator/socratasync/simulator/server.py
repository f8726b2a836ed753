"""Serves a portal over HTTPS: threads, TLS and an end that leaves nothing behind."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
from collections.abc import Iterator, Sequence
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from socratasync.simulator.certificates import Tls, issue
from socratasync.simulator.handler import Handler
from socratasync.simulator.pages import Pages
from socratasync.simulator.portal import Portal

HANDSHAKE_SECONDS = 10.0


class Server(ThreadingHTTPServer):
    """A portal on an address. ``domain`` is what a manifest's ``spec.domain`` says."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, portal: Portal, host: str, port: int, tls: Tls, *, admin: bool) -> None:
        self.portal = portal
        self.admin = admin
        self.pages = Pages()
        self.closing = threading.Event()
        self._context = tls.context()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        self.ca_file = str(tls.ca_file)
        super().__init__((host, port), Handler)
        self.port = int(self.server_address[1])
        self.domain = f"{'localhost' if host in ('0.0.0.0', '') else host}:{self.port}"  # noqa: S104

    def warm(self, dataset: str, *, page_size: int, select: str | None = None) -> int:
        """Prepare the pages that a client reading ``dataset`` by keyset will ask for; returns how many
        bytes they have. ``select`` as the client sends it; by default all columns,
        ``:updated_at`` and ``:id``."""
        return self.pages.warm(self.portal[dataset], page_size=page_size, select=select)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: the handshake must not keep others from being accepted."""
        request.settimeout(HANDSHAKE_SECONDS)
        try:
            secured = self._context.wrap_socket(request, server_side=True)
        except (OSError, ssl.SSLError):
            return  # the client did not like our certificate, or left
        secured.settimeout(None)
        with self._open_lock:
            self._open.add(secured)
        try:
            super().finish_request(secured, client_address)
        finally:
            with self._open_lock:
                self._open.discard(secured)
            _close(secured)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no news; any other error is a fault of the simulator."""
        import sys

        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def server_close(self) -> None:
        """Stop listening and hang up on everybody."""
        self.closing.set()
        super().server_close()
        with self._open_lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        connection.close()


@contextlib.contextmanager
def serve(
    portal: Portal,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: Tls | None = None,
    names: Sequence[str] = (),
    admin: bool = False,
) -> Iterator[Server]:
    """The portal on ``host`` and ``port`` (0: a free one) until the block ends.

    Without ``tls`` it has a certificate for this machine and ``names`` by an authority of its own,
    whose PEM file is ``.ca_file``. ``admin`` opens ``/_simulator/``, for tests from outside.
    """
    with tempfile.TemporaryDirectory(prefix="socratasync-simulator-") as folder:
        server = Server(portal, host, port, tls or issue(Path(folder), names), admin=admin)
        thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
