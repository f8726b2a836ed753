"""Serves a portal over HTTPS, and leaves no thread, socket or file behind when it ends."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Iterator, Sequence
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from socrata_simulator.http.certificates import Tls, issue
from socrata_simulator.http.handler import Handler
from socrata_simulator.http.pages import Pages
from socrata_simulator.portal.interfaces import SODA2
from socrata_simulator.portal.portal import Portal

HANDSHAKE_SECONDS = 10.0


class Server(ThreadingHTTPServer):
    """A portal on an address. ``domain`` is its host and port, as clients write it; ``connections`` is how many
    were made so far."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 64

    def __init__(
        self, portal: Portal, host: str, port: int, tls: Tls, *, admin: bool, gzip_level: int
    ) -> None:
        self.portal = portal
        self.admin = admin
        self.pages = Pages(gzip_level=gzip_level)
        self.closing = threading.Event()
        self._context = tls.context()
        self.connections = 0
        self._open: set[ssl.SSLSocket] = set()
        self._open_lock = threading.Lock()
        self.ca_file = str(tls.ca_file)
        super().__init__((host, port), Handler)
        self.port = int(self.server_address[1])
        self.domain = f"{'localhost' if host in ('0.0.0.0', '') else host}:{self.port}"  # noqa: S104

    def warm(
        self,
        dataset: str,
        *,
        page_size: int,
        select: str | None = None,
        interface: str = SODA2,
    ) -> int:
        """Prepare the pages that a client asks for who reads ``dataset`` by keyset and this interface.

        ``select`` is that client's ``$select``, by default all columns, ``:updated_at`` and ``:id``.
        Returns the bytes of all pages.
        """
        return self.pages.warm(
            self.portal[dataset], page_size=page_size, select=select, interface=interface
        )

    def server_bind(self) -> None:
        """Bind as ``TCPServer`` does.

        ``HTTPServer`` also looks up this machine's name, which nothing here needs and which takes ten
        seconds where no name server answers.
        """
        socketserver.TCPServer.server_bind(self)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handshake, then serve. Runs in the connection's thread, so that a slow client delays no other."""
        request.settimeout(HANDSHAKE_SECONDS)
        secured = self._context.wrap_socket(
            request, server_side=True, do_handshake_on_connect=False
        )
        with (
            self._tracked(secured),
            contextlib.suppress(OSError),
        ):  # a client that hangs up is no error
            secured.do_handshake()
            secured.settimeout(None)
            super().finish_request(secured, client_address)

    @contextlib.contextmanager
    def _tracked(self, connection: ssl.SSLSocket) -> Iterator[None]:
        """Close the connection at the end of the block; until then ``server_close`` can end it."""
        with self._open_lock:
            self.connections += 1
            self._open.add(connection)
        if self.closing.is_set():
            _hang_up(connection)
        try:
            yield
        finally:
            with self._open_lock:
                self._open.discard(connection)
            _say_goodbye(connection)
            connection.close()

    def server_close(self) -> None:
        """Stop listening, hang up on everybody and wait for their threads."""
        self.closing.set()
        with self._open_lock:
            for connection in self._open:
                _hang_up(connection)
        super().server_close()


def _hang_up(connection: ssl.SSLSocket) -> None:
    """End a connection that another thread uses; that thread then reads the end of the stream."""
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _say_goodbye(connection: ssl.SSLSocket) -> None:
    """Send TLS's end of stream, and do not wait for the client's.

    So a body that ends too early (``Fault.truncated``) looks to the client like one that is complete.
    """
    if connection.fileno() == -1:
        return
    with contextlib.suppress(OSError, ValueError):
        connection.settimeout(0)
        connection.unwrap()


@contextlib.contextmanager
def serve(
    portal: Portal,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tls: Tls | None = None,
    names: Sequence[str] = (),
    admin: bool = False,
    gzip_level: int = 1,
) -> Iterator[Server]:
    """Serve the portal on ``host`` and ``port`` (0: a free one) until the block ends.

    Without ``tls`` it makes a certificate for this machine and ``names``, signed by an authority of
    its own whose PEM file is ``.ca_file``. ``admin`` opens ``/_simulator/`` (see ``administration``).
    Real portals compress at about level 6; level 1 is three times as fast.
    """
    with tempfile.TemporaryDirectory(prefix="socrata-simulator-") as folder:
        server = Server(
            portal,
            host,
            port,
            tls or issue(Path(folder), names),
            admin=admin,
            gzip_level=gzip_level,
        )
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
