"""`/metrics` over HTTP. The text is made in a thread of its own, so a scrape holds up no run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor

from aiohttp import web

from socratasync.controller.metrics.text import CONTENT_TYPE

LONGEST_SCRAPE_S = 60.0
"""Prometheus gives up after ten seconds unless it is told otherwise."""

Scrape = Callable[[], Iterator[bytes]]


def metrics_app(scrape: Scrape, *, longest_s: float = LONGEST_SCRAPE_S) -> web.Application:
    """Answers GET and HEAD of ``/metrics``. A scraper that takes longer than ``longest_s`` is cut off."""
    # One thread for all scrapes: while one scraper takes its time to read, the others have it.
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metrics")

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        response.enable_compression()  # if the scraper takes that
        try:
            async with asyncio.timeout(longest_s):
                await response.prepare(request)
                if request.method == "GET":
                    await _send(response, scrape(), thread)
                await response.write_eof()
        except TimeoutError:
            if request.transport:
                request.transport.abort()  # close() would wait until everything is read
        return response

    async def stop(_: web.Application) -> None:
        thread.shutdown(cancel_futures=True)

    app = web.Application()
    app.router.add_get("/metrics", answer)
    app.on_cleanup.append(stop)
    return app


async def _send(response: web.StreamResponse, pieces: Iterator[bytes], thread: Executor) -> None:
    loop = asyncio.get_running_loop()
    while piece := await loop.run_in_executor(thread, next, pieces, b""):
        await response.write(piece)
