"""Puts answers on the wire: status, headers and bytes, at once or in drips, to the end or to a reset."""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import struct
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from socrata_simulator.http.headers import Headers
from socrata_simulator.portal.interfaces import NEITHER
from socrata_simulator.refusals import Refused

if TYPE_CHECKING:
    from socrata_simulator.http.server import Server


class Wire(BaseHTTPRequestHandler):
    """Speaks HTTP/1.1 with connections kept open, as the real portal does."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server
    _head_drip: tuple[int, float] | None = None
    _drip: tuple[int, float] | None = None
    _interface: str = NEITHER

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: a line for each request would drown what tests print."""

    def _send_json(self, document: object, status: int = 200) -> None:
        body = json.dumps(document, indent=2, separators=(",", " : "), ensure_ascii=False).encode()
        self._send_whole(status, body, {"Content-Type": "application/json;charset=utf-8"})

    def _send_compact(self, document: object) -> None:
        body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
        self._send_whole(200, body, {"Content-Type": "application/json;charset=utf-8"})

    def _send(self, refused: Refused) -> None:
        self._send_whole(
            refused.status,
            refused.body.encode() if isinstance(refused.body, str) else refused.body,
            {"Content-Type": refused.content_type, **refused.headers},
        )

    def _send_whole(self, status: int, body: bytes, extra: Headers) -> None:
        if status in (
            204,
            304,
        ):  # HTTP has no body for them: a client would take it for the next answer
            body = b""
        self._head(status, {"Content-Length": str(len(body)), **extra})
        self._write(body, self._drip)

    def _head(self, status: int, extra: Headers) -> None:
        self.send_response_only(status)
        self.send_header("Server", "nginx")
        self.send_header("Date", self.date_time_string())
        self.send_header("X-Socrata-RequestId", secrets.token_hex(16))
        self.send_header("X-Socrata-Region", "aws-us-east-1-fedramp-prod")
        self.send_header("Access-Control-Allow-Origin", "*")
        notices = self.server.portal.notices.get(self._interface, {})
        for name, value in {**extra, **notices}.items():
            self.send_header(name, value)
        self.end_headers()

    def flush_headers(self) -> None:
        """Send the status line and the headers."""
        head: list[bytes] = getattr(self, "_headers_buffer", [])
        data = b"".join(head)
        head.clear()
        self._write(data, self._head_drip)

    def _write(self, data: bytes, drip: tuple[int, float] | None) -> None:
        if drip is None:
            self.wfile.write(data)
            return
        piece, seconds = drip
        for start in range(0, len(data), piece):
            self.wfile.write(data[start : start + piece])
            if self.server.closing.wait(seconds):
                return

    def _reset(self) -> None:
        """End the connection by a TCP reset."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.close()
