"""`/metrics` over HTTP. To be served apart (``serving_apart``): a large scrape takes seconds to make."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from aiohttp import web

from socratasync.controller.metrics.text import CONTENT_TYPE

LONGEST_SCRAPE_S = 60.0
"""Prometheus gives up after ten seconds unless it is told otherwise."""

Scrape = Callable[[], Iterator[bytes]]


def metrics_app(scrape: Scrape, *, longest_s: float = LONGEST_SCRAPE_S) -> web.Application:
    """Answers GET and HEAD of ``/metrics``. A scraper that takes longer than ``longest_s`` is cut off."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        response.enable_compression()  # if the scraper takes that
        try:
            async with asyncio.timeout(longest_s):
                await response.prepare(request)
                if request.method == "GET":
                    await _send(response, scrape())
                await response.write_eof()
        except TimeoutError:
            if request.transport:
                request.transport.abort()  # close() would wait until everything is read
        return response

    app = web.Application()
    app.router.add_get("/metrics", answer)
    return app


async def _send(response: web.StreamResponse, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(0)  # write() may not wait at all; other scrapers have their turn
