"""The operator's HTTP servers: on every address of the machine, and with an end to every wait.

They run in the operator's loop, so connections hold no threads, however many there are.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

IDLE_S = 75.0
"""How long a connection may be silent: longer than the minute between two scrapes that share one."""

_SHUTDOWN_S = 1.0
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


@asynccontextmanager
async def serving(app: web.Application, port: int, *, idle_s: float = IDLE_S) -> AsyncIterator[int]:
    """Answer over IPv6 and IPv4 until the block ends; gives the port, a free one for 0.

    A connection that sends no whole request within ``idle_s`` is closed. Raises ``OSError`` if the
    port is taken.
    """
    runner = web.AppRunner(
        app, access_log=None, keepalive_timeout=idle_s, shutdown_timeout=_SHUTDOWN_S
    )
    await runner.setup()
    try:
        listener = _listen(port)
        await web.SockSite(runner, listener).start()
        yield listener.getsockname()[1]
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
