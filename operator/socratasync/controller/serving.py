"""The operator's HTTP servers: on every address of the machine, and with an end to every wait.

Connections are held by an event loop, so they take no threads, however many there are.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

IDLE_S = 75.0
"""How long a connection may be silent: longer than the minute between two scrapes that share one."""

LONGEST_ANSWER_S = 60.0
"""How long a client may take to read an answer. Prometheus gives up after ten seconds unless it is told otherwise."""

_SHUTDOWN_S = 1.0
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


@asynccontextmanager
async def serving(app: web.Application, port: int, *, idle_s: float = IDLE_S) -> AsyncIterator[int]:
    """Answer over IPv6 and IPv4 until the block ends; gives the port, a free one for 0.

    A connection that sends no whole request within ``idle_s`` is closed. Raises ``OSError`` if the
    port is taken.
    """
    listener = _listen(port)
    async with _answering(app, listener, idle_s):
        yield listener.getsockname()[1]


@contextmanager
def serving_apart(app: web.Application, port: int, *, idle_s: float = IDLE_S) -> Iterator[int]:
    """The same in a thread with an event loop of its own, for answers that take long to make: neither
    they nor the caller's loop hold each other up."""
    listener, stopping = _listen(port), threading.Event()

    async def serve() -> None:
        async with _answering(app, listener, idle_s):
            await asyncio.to_thread(stopping.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="server", daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopping.set()
        thread.join()


def in_turn(most: int) -> Middleware:
    """A middleware that makes at most so many answers at once; further requests wait. What each holds in memory is
    bounded thereby for all, however many ask."""
    turns = asyncio.Semaphore(most)

    @web.middleware
    async def wait(request: web.Request, handler: Handler) -> web.StreamResponse:
        async with turns:
            return await handler(request)

    return wait


async def stream(
    request: web.Request,
    response: web.StreamResponse,
    pieces: Iterator[bytes],
    *,
    longest_s: float = LONGEST_ANSWER_S,
) -> web.StreamResponse:
    """Answer with pieces that are made while they are read, packed if the client takes that; to HEAD with none.

    A client that takes longer than ``longest_s`` is cut off, and one that hangs up is nobody's trouble. Returns the
    response.
    """
    response.enable_compression()
    try:
        async with asyncio.timeout(longest_s):
            await response.prepare(request)
            if request.method == "GET":
                await _send(response, pieces)
            await response.write_eof()
    except TimeoutError:
        if request.transport:
            request.transport.abort()  # close() would wait until everything is read
    except ConnectionError:
        pass  # there is nobody left to be told
    return response


async def _send(response: web.StreamResponse, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(0)  # write() may not wait at all; other clients have their turn


@asynccontextmanager
async def _answering(
    app: web.Application, listener: socket.socket, idle_s: float
) -> AsyncIterator[None]:
    """Answer what comes to ``listener``, and close it in the end."""
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=idle_s, shutdown_timeout=_SHUTDOWN_S
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await runner.cleanup()


def _listen(port: int) -> socket.socket:
    """One socket for both families; for IPv4 alone where the machine has no IPv6."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except OSError as exc:
            if exc.errno not in _NO_IPV6:
                raise
    return socket.create_server(("", port))
