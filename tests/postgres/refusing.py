"""A server that refuses every connection, with an answer as PostgreSQL 15 with ``lc_messages = de_DE`` sent it.

The wheel's PostgreSQL speaks English only; what is asked of such a server is never more than its refusal.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_NO_TLS = {80877103, 80877104}
"""Start-up codes by which a client asks for TLS or GSSAPI."""


@contextmanager
def refusing(fields: Mapping[str, str]) -> Iterator[int]:
    """The port of a server that answers each start-up message with an ErrorResponse of these fields."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, _error(fields)))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(listening: socket.socket, answer: bytes) -> None:
    while True:
        try:
            client, _ = listening.accept()
        except OSError:
            return
        with client, client.makefile("rb") as asked:
            while (head := asked.read(8)) and struct.unpack("!II", head)[1] in _NO_TLS:
                client.sendall(b"N")
            if head:
                asked.read(struct.unpack("!II", head)[0] - 8)
                client.sendall(answer)


def _error(fields: Mapping[str, str]) -> bytes:
    body = b"".join(name.encode() + text.encode() + b"\0" for name, text in fields.items()) + b"\0"
    return b"E" + struct.pack("!I", len(body) + 4) + body
