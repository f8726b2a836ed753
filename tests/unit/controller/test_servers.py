"""The operator's servers: metrics and probes on every address, whatever some clients do or leave undone."""

from __future__ import annotations

import asyncio
import errno
import gzip
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from tests.cluster.processes import wait_until
from tests.skipped import needs_ipv6

from socratasync.controller.health import Health, health_app
from socratasync.controller.metrics.server import Scrape, metrics_app
from socratasync.controller.serving import in_turn, serving, serving_apart

TEXT = "text/plain; version=0.0.4; charset=utf-8"
NOW = datetime(2026, 11, 23, tzinfo=UTC)

Answer = tuple[int, dict[str, str], bytes]


def two_pieces() -> Iterator[bytes]:
    yield b"one 1.0\n"
    yield b"two 2.0\n"


@contextmanager
def metrics(scrape: Scrape = two_pieces, **limits: float) -> Iterator[int]:
    """The port of a metrics server of the test's own."""
    app = metrics_app(scrape, longest_s=limits.get("longest_s", 30))
    with serving_apart(app, 0, idle_s=limits.get("idle_s", 30)) as port:
        yield port


async def ask(port: int, line: str = "GET /metrics", *more: str, host: str = "127.0.0.1") -> Answer:
    """(status, headers, body) of one request; a body that breaks off is an error."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection(host, port)
        try:
            request = "\r\n".join(
                [f"{line} HTTP/1.1", "Host: x", "Connection: close", *more, "", ""]
            )
            writer.write(request.encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *fields = head.rstrip().split("\r\n")
            headers = {k.lower(): v for k, _, v in (field.partition(": ") for field in fields)}
            chunked = headers.get("transfer-encoding") == "chunked" and not line.startswith("HEAD")
            body = b"".join([c async for c in chunks(reader)]) if chunked else await reader.read()
        finally:
            writer.close()
    return int(first.split()[1]), headers, body


async def chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readline(), 16):
        yield (await reader.readexactly(size + 2))[:-2]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        pytest.param("::1", marks=needs_ipv6),
    ],
)
def test_one_port_answers_over_ipv4_and_ipv6(host: str) -> None:
    async def story() -> Answer:
        with metrics() as port:
            return await ask(port, host=host)

    assert asyncio.run(story())[0] == 200


def refuse_ipv6(code: int) -> Callable[..., socket.socket]:
    """``socket.create_server`` of a machine whose kernel knows IPv6, but has no address of it."""
    create = socket.create_server

    def create_server(address: Any, **options: Any) -> socket.socket:
        if options.get("family") == socket.AF_INET6:
            raise OSError(code, "no")
        return create(address, **options)

    return create_server


@pytest.mark.parametrize(
    ("name", "stand_in"),
    [
        pytest.param("has_dualstack_ipv6", lambda: False, id="a kernel without IPv6"),
        pytest.param("create_server", refuse_ipv6(errno.EADDRNOTAVAIL), id="IPv6 switched off"),
    ],
)
def test_a_machine_without_ipv6_is_served_over_ipv4(
    monkeypatch: pytest.MonkeyPatch, name: str, stand_in: Any
) -> None:
    async def story() -> Answer:
        with metrics() as port:
            return await ask(port)

    monkeypatch.setattr(socket, name, stand_in)

    assert asyncio.run(story())[0] == 200


def test_a_port_that_is_taken_is_an_error() -> None:
    async def story() -> None:
        with metrics() as port, serving_apart(metrics_app(two_pieces), port):
            pass

    with pytest.raises(OSError, match="in use"):
        asyncio.run(story())


@pytest.mark.parametrize(
    ("line", "status", "body"),
    [
        ("GET /metrics", 200, b"one 1.0\ntwo 2.0\n"),
        ("GET /metrics?x=1", 200, b"one 1.0\ntwo 2.0\n"),
        ("HEAD /metrics", 200, b""),
        ("POST /metrics", 405, b"405: Method Not Allowed"),
        ("GET /", 404, b"404: Not Found"),
    ],
)
def test_only_metrics_are_there_and_only_to_read(line: str, status: int, body: bytes) -> None:
    async def story() -> Answer:
        with metrics() as port:
            return await ask(port, line)

    answered, headers, text = asyncio.run(story())

    assert (answered, text) == (status, body)
    assert status != 200 or headers["content-type"] == TEXT


def test_a_scrape_is_compressed_for_who_takes_that() -> None:
    async def story() -> Answer:
        with metrics() as port:
            return await ask(port, "GET /metrics", "Accept-Encoding: gzip")

    _, headers, body = asyncio.run(story())

    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(body) == b"one 1.0\ntwo 2.0\n"


def test_300_idle_connections_hold_no_threads_and_hold_up_no_scrape() -> None:
    async def story() -> tuple[Answer, int]:
        with metrics() as port:
            await ask(port)
            before = threading.active_count()
            idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
            answer = await ask(port)
            more = threading.active_count() - before
            for _, writer in idle:
                writer.close()
            return answer, more

    answer, more_threads = asyncio.run(story())

    assert answer[0] == 200
    assert more_threads == 0


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"GET /metrics HTTP/1.1\r\nHost:", id="half a request"),
        pytest.param(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", id="no second request"),
    ],
)
def test_a_connection_that_says_nothing_more_is_closed(said: bytes) -> None:
    async def story() -> None:
        with metrics(idle_s=0.2) as port:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(said)
                await reader.read()  # to its end, which the server must set
                writer.close()

    asyncio.run(story())


def without_end() -> Iterator[bytes]:
    while True:
        yield b"x" * 65536


def served(port: int) -> list[Any]:
    """The server's ends of the connections to it."""
    found = psutil.Process().net_connections("tcp")
    return [c for c in found if c.laddr.port == port and c.status == psutil.CONN_ESTABLISHED]


def test_a_scraper_that_does_not_read_is_cut_off() -> None:
    async def story() -> None:
        with (
            metrics(without_end, longest_s=0.3) as port,
            socket.create_connection(("127.0.0.1", port)) as connection,
        ):
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            for count in (1, 0):
                await asyncio.to_thread(
                    wait_until,
                    lambda n=count: len(served(port)) == n,
                    timeout_s=10,
                    what=f"{count} connections",
                )

    asyncio.run(story())


def test_a_client_that_hangs_up_in_the_middle_is_nobodys_trouble(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with metrics(without_end) as port:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1)
        wait_until(lambda: not served(port), timeout_s=10, what="the connection to go")

    assert caplog.records == []


def test_a_scrape_that_takes_long_holds_up_neither_probes_nor_the_loop() -> None:
    made, probed = threading.Event(), threading.Event()

    def slow() -> Iterator[bytes]:
        made.set()
        assert probed.wait(10)
        yield b"slow 1.0\n"

    async def story() -> tuple[Answer, Answer]:
        health = Health(lambda: NOW, lambda: NOW)
        with metrics(slow) as port:
            async with serving(health_app(health), 0) as probes:
                scrape = asyncio.create_task(ask(port))
                assert await asyncio.to_thread(made.wait, 10)
                probe = await ask(probes, "GET /healthz")
                probed.set()
                return probe, await scrape

    probe, scrape = asyncio.run(story())

    assert (probe[0], probe[2]) == (200, b"ok\n")
    assert (scrape[0], scrape[2]) == (200, b"slow 1.0\n")


def test_a_busy_loop_of_the_operator_holds_up_no_scrape() -> None:
    async def busy() -> bytes:
        with (
            metrics() as port,
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer,
        ):
            body: bytes = answer.read()  # nothing else happens in this loop meanwhile
            return body

    assert asyncio.run(busy()) == b"one 1.0\ntwo 2.0\n"


def test_scrapers_at_the_same_time_each_get_all_of_it() -> None:
    def long() -> Iterator[bytes]:
        yield from (b"series %d\n" % number for number in range(100))

    async def story() -> list[Answer]:
        with metrics(long) as port:
            return await asyncio.gather(*(ask(port) for _ in range(5)))

    assert {answer[2] for answer in asyncio.run(story())} == {b"".join(long())}


def test_a_scrape_that_fails_is_no_whole_answer() -> None:
    def broken() -> Iterator[bytes]:
        yield b"one 1.0\n"
        raise ArithmeticError("a fault")

    async def story() -> None:
        with metrics(broken) as port:
            await ask(port)

    with pytest.raises((ValueError, asyncio.IncompleteReadError, ConnectionError)):
        asyncio.run(story())


@pytest.mark.parametrize(
    ("ready", "status", "said"),
    [(False, 503, b"starting: "), (True, 200, b"ok\n")],
    ids=["an operator that starts", "one that works"],
)
def test_a_probe_says_why(ready: bool, status: int, said: bytes) -> None:
    async def story() -> Answer:
        health = Health(lambda: NOW, lambda: NOW)
        health.watching = ready
        health.answered = health.resynced = NOW if ready else None
        async with serving(health_app(health), 0) as port:
            return await ask(port, "GET /readyz")

    answered, _, body = asyncio.run(story())

    assert answered == status
    assert body.startswith(said)


def test_no_more_answers_are_made_at_once_than_it_is_said_and_all_are_made() -> None:
    async def story() -> tuple[int, list[Answer]]:
        came, under_way, most = 0, 0, 0
        all_came = asyncio.Event()

        @web.middleware
        async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
            nonlocal came
            came += 1
            if came == 7:
                all_came.set()
            return await handler(request)

        async def answer(_: web.Request) -> web.Response:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            await all_came.wait()
            under_way -= 1
            return web.Response(text="done")

        app = web.Application(middlewares=[count, in_turn(2)])
        app.router.add_get("/", answer)
        async with serving(app, 0) as port:
            answers = await asyncio.gather(*(ask(port, "GET /") for _ in range(7)))
        return most, answers

    most, answers = asyncio.run(story())

    assert [answer[0] for answer in answers] == [200] * 7
    assert most == 2
