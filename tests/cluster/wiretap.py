"""A way to the API server that a test can listen to, cut, hold and count: every call of one client.

The client (the operator, kubectl) gets a kubeconfig that names this address and holds a token; TLS
ends here and is opened anew to the real API server, which answers everything. Nothing is made up:
a call can only be delayed, refused or cut, as networks do.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from tests.cluster.certificates import LOOPBACK
from tests.cluster.controlplane import ControlPlane
from tests.cluster.loop import LoopInThread

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "host", "content-length"}
"""Headers that say how bytes travel on one side; the other side writes its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request of the client."""

    method: str
    path: str
    query: str
    body: bytes = field(default=b"", repr=False)

    @property
    def writes(self) -> bool:
        """True for what changes something in the cluster."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}

    @property
    def watches(self) -> bool:
        """True for a stream of changes."""
        return "watch=true" in self.query.lower() or "watch=1" in self.query


def _nothing(_: Call) -> None:
    """The default of both hooks."""


class Wiretap:
    """Use as a context manager; ``url`` is what the client's kubeconfig names.

    ``before`` is called with each call before the API server sees it, ``after`` once the API server
    has answered and the client has not heard yet. Both run in the wiretap's thread: they may kill
    the client there and then; what they raise is answered to the client as 503.
    """

    def __init__(self, plane: ControlPlane) -> None:
        self.calls: list[Call] = []
        self.before: Callable[[Call], None] = _nothing
        self.after: Callable[[Call], None] = _nothing
        self.url = ""
        self._plane = plane
        self._loop = LoopInThread()
        self._open: dict[asyncio.Task[object], web.Request] = {}

    def __enter__(self) -> Wiretap:
        self._loop.do(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.cut()
            self._loop.do(self._stop())
        finally:
            self._loop.close()

    def cut(self) -> int:
        """Breaks every call and watch under way; how many. New ones are let through."""
        return self._loop.do(self._cut())

    @property
    def watches(self) -> list[Call]:
        """The watches asked for so far."""
        return [call for call in self.calls if call.watches]

    async def _start(self) -> None:
        trust = ssl.create_default_context(cafile=str(self._plane.ca))
        self._upstream = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=0),
            timeout=aiohttp.ClientTimeout(total=None),  # watches are meant to last
            auto_decompress=False,
        )
        application = web.Application(client_max_size=64 << 20)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pki = self._plane.pki
        own.load_cert_chain(pki / "wiretap.crt", pki / "wiretap.key")
        site = web.TCPSite(self._runner, LOOPBACK, 0, ssl_context=own)
        await site.start()
        self.url = f"https://{LOOPBACK}:{self._runner.addresses[0][1]}"

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._upstream.close()

    async def _cut(self) -> int:
        under_way = dict(self._open)
        for task, request in under_way.items():
            if request.transport:
                request.transport.abort()
            task.cancel()
        return len(under_way)

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = request
        try:
            return await self._exchange(request)
        except aiohttp.ClientError as exc:  # the API server itself is gone
            return web.Response(status=503, text=f"{type(exc).__name__}: {exc}")
        finally:
            del self._open[task]

    async def _exchange(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        call = Call(method=request.method, path=request.path, query=request.query_string, body=body)
        self.calls.append(call)
        if refusal := _heard(self.before, call):
            return refusal
        async with self._upstream.request(
            request.method,
            self._plane.url + request.raw_path,
            headers=_passed_on(request.headers),
            data=body or None,
            skip_auto_headers=("Content-Type", "User-Agent", "Accept", "Accept-Encoding"),
            allow_redirects=False,
        ) as answer:
            try:
                if refusal := _heard(self.after, call):
                    return refusal
                reply = web.StreamResponse(status=answer.status, headers=_passed_on(answer.headers))
                await reply.prepare(request)
                async for chunk in answer.content.iter_any():
                    await reply.write(chunk)
                await reply.write_eof()
                return reply
            finally:
                _abort_if_unfinished(answer)


def _abort_if_unfinished(answer: aiohttp.ClientResponse) -> None:
    """TLS's goodbye waits for the other side's; nobody does once the loop has stopped."""
    if not answer.content.at_eof() and answer.connection and answer.connection.transport:
        answer.connection.transport.abort()


def _heard(hook: Callable[[Call], None], call: Call) -> web.Response | None:
    try:
        hook(call)
    except Exception as exc:  # noqa: BLE001  # whatever a test raises is the test's way to refuse
        return web.Response(status=503, text=str(exc))
    return None


def _passed_on(headers: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in headers.items() if k.lower() not in _OF_ONE_CONNECTION}
