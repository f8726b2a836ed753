"""The page as HTML: `page.html.jinja` filled in, every value escaped by the library that fills it in.

The only module that knows Jinja, and imported only where the page is on, for the memory's sake. Nothing that is
filled in is ever marked as safe but the style sheet, which is ours and is allowed by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from socratasync import __version__
from socratasync.controller.page import words
from socratasync.controller.page.board import EVERY, View, Wanted
from socratasync.controller.page.chart import chart, how_it_ended
from socratasync.controller.page.sight import NoSight, Sight
from socratasync.times import write_instant

PER_PAGE: Final = 25
_MOST_NAMESPACES: Final = 200
"""Offered while one is typed; any other may be typed as well."""

_FOLDER: Final = Path(__file__).parent
_STYLE: Final = (_FOLDER / "page.css").read_text(encoding="utf-8")


def policy_for(style: str) -> str:
    """The Content-Security-Policy of a page with this style sheet and nothing else that a browser would fetch or
    run."""
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{hashed}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    )


POLICY: Final = policy_for(_STYLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a reader asks for: which syncs, and which page of them, from 1."""

    wanted: Wanted = EVERY
    page: int = 1

    def link(self, page: int) -> str:
        """The address of another page of the same."""
        fields = {
            "namespace": self.wanted.namespace,
            "trouble": "1" if self.wanted.in_need else None,
        }
        told = {name: value for name, value in fields.items() if value is not None}
        return "?" + urlencode({**told, "page": page})


def render(view: View, asked: Asked, sight: Sight) -> str:
    """The page."""
    keys = view.keys(asked.wanted)
    pages = max(1, -(-len(keys) // PER_PAGE))
    page = min(max(asked.page, 1), pages)
    shown = keys[(page - 1) * PER_PAGE : page * PER_PAGE]
    within = Wanted(namespace=asked.wanted.namespace)
    return _PAGE.render(
        asked=asked,
        sight=sight,
        now=sight.now,
        entries=view.entries(shown),
        found=len(keys),
        all=len(view.keys(within)),
        in_need=len(view.keys(Wanted(namespace=within.namespace, in_need=True))),
        namespaces=view.namespaces()[:_MOST_NAMESPACES],
        page=page,
        pages=pages,
    )


def render_nothing(no_sight: NoSight) -> str:
    """The page of an operator that knows of no sync."""
    return _NOTHING.render(sentence=no_sight.sentence)


def _instant(at: datetime) -> str:
    return write_instant(at, "seconds")


_JINJA: Final = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=select_autoescape(default=True, default_for_string=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_JINJA.globals.update(
    style=Markup(_STYLE),  # noqa: S704  # read from our own file
    version=__version__,
    standing=words.standing,
    headline=words.headline,
    span=words.span,
    ago=words.ago,
    when=words.when,
    number=words.number,
    many=words.many,
    chart=chart,
    how_it_ended=how_it_ended,
    instant=_instant,
)
_PAGE: Final = _JINJA.get_template("page.html.jinja")
_NOTHING: Final = _JINJA.get_template("nothing.html.jinja")
