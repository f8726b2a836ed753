"""`/` and `/status.json` over HTTP: read only, without cookies, and nothing a browser may keep or run.

To be served apart (``serving_apart``), since ten thousand syncs take a while to be written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from aiohttp import web

from socratasync.controller.health import Health
from socratasync.controller.page import document, html
from socratasync.controller.page.board import Board, Wanted
from socratasync.controller.page.entry import readable
from socratasync.controller.page.sight import NoSight, look
from socratasync.controller.serving import LONGEST_ANSWER_S, in_turn, stream

_AT_ONCE: Final = 8
"""Everybody may ask, and the operator's memory is for its runs."""

_HTML: Final = "text/html; charset=utf-8"
_JSON: Final = "application/json; charset=utf-8"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": html.POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def page_app(
    board: Board,
    health: Health,
    now: Callable[[], datetime],
    *,
    longest_s: float = LONGEST_ANSWER_S,
) -> web.Application:
    """Answers GET and HEAD of ``/`` and ``/status.json``; with 503 where the operator knows of no sync."""

    async def page(request: web.Request) -> web.StreamResponse:
        sight = look(health, now())
        if isinstance(sight, NoSight):
            text = html.render_nothing(sight)
            return await _answer(request, _HTML, iter([text.encode()]), sight)
        text = html.render(board.view(), _asked(request), sight)
        return await _answer(request, _HTML, iter([text.encode()]))

    async def status(request: web.Request) -> web.StreamResponse:
        sight = look(health, now())
        if isinstance(sight, NoSight):
            return await _answer(request, _JSON, iter([document.refusal(sight.sentence)]), sight)
        return await _answer(
            request, _JSON, document.write(board.view(), _asked(request).wanted, sight)
        )

    async def _answer(
        request: web.Request, kind: str, pieces: Iterator[bytes], no_sight: NoSight | None = None
    ) -> web.StreamResponse:
        response = web.StreamResponse(
            status=503 if no_sight else 200, headers={"Content-Type": kind}
        )
        if no_sight:
            response.headers["Retry-After"] = "2"
            response.force_close()  # the next connection through a Service may reach the one that works
        return await stream(request, response, pieces, longest_s=longest_s)

    app = web.Application(middlewares=[in_turn(_AT_ONCE)])
    app.on_response_prepare.append(_add_headers)
    app.router.add_get("/", page)
    app.router.add_get("/status.json", status)
    return app


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """To refusals as well."""
    response.headers.update(_HEADERS)


def _asked(request: web.Request) -> html.Asked:
    """What the query asks for; what means nothing in it is passed over."""
    query = request.query
    page, namespace = query.get("page", ""), readable(query.get("namespace", "").strip())
    return html.Asked(
        wanted=Wanted(namespace=namespace or None, in_need="trouble" in query),
        page=int(page) if page.isascii() and page.isdigit() and len(page) < 8 else 1,
    )
