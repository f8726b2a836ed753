"""Servers on the loopback that behave as no server should: what is said is a script, byte by byte."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

PATIENCE_S = 5.0
"""After so long a server gives up on one that should have given up on it."""

Script = Callable[[socket.socket, threading.Event], None]
"""What is done with a connection, until the event says that the test is over."""


@dataclass
class Stranger:
    """``heard``: each request, head and body, of those who came."""

    port: int
    heard: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def stranger(
    script: Script, *, listens: bool = True, tls: ssl.SSLContext | None = None
) -> Iterator[Stranger]:
    """A server that carries out the script for each connection, once it heard the request."""
    over, talks = threading.Event(), list[threading.Thread]()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        known = Stranger(server.getsockname()[1])

        def talk(plain: socket.socket) -> None:
            spoken = tls.wrap_socket if tls else lambda same, **_: same
            with (
                closing(plain),
                suppress(OSError),
                closing(spoken(plain, server_side=True)) as connection,
            ):
                if listens:
                    known.heard.append(_request(connection))
                script(connection, over)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    talks.append(threading.Thread(target=talk, args=(connection,)))
                    talks[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield known
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            for thread in (accepting, *talks):
                thread.join()


def _request(connection: socket.socket) -> str:
    connection.settimeout(PATIENCE_S)
    with connection.makefile("rb") as lines:
        head = b"".join(iter(lines.readline, b"\r\n"))
        length = [line for line in head.splitlines() if line.lower().startswith(b"content-length:")]
        body = lines.read(int(length[0].split(b":")[1])) if length else b""
    return (head + body).decode("latin-1")


def says(answer: bytes) -> Script:
    """One answer, then the end of the connection."""
    return lambda connection, _: connection.sendall(answer)


def answer(status: int, body: bytes = b"", /, **headers: str) -> bytes:
    """An answer with this body."""
    lines = [f"HTTP/1.1 {status} Some Words", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def drips(beginning: bytes, drop: bytes) -> Script:
    """A beginning, then a drop every few milliseconds: never silent, never done."""

    def script(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(beginning)
        for _ in range(int(PATIENCE_S / 0.01)):
            if over.wait(0.01):
                return
            connection.sendall(drop)

    return script


def pours(beginning: bytes, megabytes: int = 256) -> Script:
    """A beginning, then as much as the other side takes."""

    def script(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(beginning)
        for _piece in range(16 * megabytes):
            connection.sendall(bytes(64 * 1024))

    return script
