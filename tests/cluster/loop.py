"""An event loop in a thread of its own that leaves no connection open.

A connection that is still open when its loop stops is closed by nobody. Python warns of it whenever it happens to
collect it, which is in another test.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

GOODBYE_S = 10.0
"""How long connections may take to close once nothing more goes either way."""


class LoopInThread:
    """Works from the first call of ``do`` until ``close``."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._loop = asyncio.SelectorEventLoop(self._selector)
        self._own: set[int] = set()
        self._own = self._connections()  # what it wakes itself up by
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def do(self, work: Coroutine[object, object, T]) -> T:
        """Does the work in the loop; what it returns or raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def close(self) -> None:
        """Ends all connections, and the loop. Raises ``TimeoutError`` if one stays open all the same."""
        try:
            self.do(self._end_connections())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)
            self._loop.close()

    async def _end_connections(self) -> None:
        async with asyncio.timeout(GOODBYE_S):
            while there := self._connections():
                for connection in there:
                    _say_no_more(connection)
                await asyncio.sleep(0.01)
        await asyncio.sleep(0)  # the last one is closed in the loop's next round

    def _connections(self) -> set[int]:
        return {key.fd for key in self._selector.get_map().values()} - self._own


def _say_no_more(descriptor: int) -> None:
    """Ends the connection below TLS, whose goodbye would wait for the other side's."""
    with socket.socket(fileno=os.dup(descriptor)) as same, suppress(OSError):
        same.shutdown(socket.SHUT_RDWR)
