"""`/metrics` over HTTP. To be served apart (``serving_apart``): a large scrape takes seconds to make."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from aiohttp import web

from socratasync.controller.metrics.text import CONTENT_TYPE
from socratasync.controller.serving import LONGEST_ANSWER_S, stream

Scrape = Callable[[], Iterator[bytes]]


def metrics_app(scrape: Scrape, *, longest_s: float = LONGEST_ANSWER_S) -> web.Application:
    """Answers GET and HEAD of ``/metrics``. A scraper that takes longer than ``longest_s`` is cut off."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": CONTENT_TYPE})
        return await stream(request, response, scrape(), longest_s=longest_s)

    app = web.Application()
    app.router.add_get("/metrics", answer)
    return app
