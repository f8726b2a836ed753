"""What can go wrong with an answer. ``switched_on`` has which requests meet it, and how often."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from socrata_simulator import refusals
from socrata_simulator.refusals import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong. The class methods make them, and say what each does."""

    refusal: Refused | None = None
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None
    rows: int | None = None
    count: Callable[[int], int] | None = None
    reset_at: int | None = None
    hang_up_at: int | None = None
    midway: tuple[int, Callable[[], object]] | None = None
    delay: float | None = None
    cut_at: int | None = None
    keep_gzip_whole: bool = False
    drip: tuple[int, float] | None = None
    head_drip: tuple[int, float] | None = None
    without_where: bool = False
    unpacks_to: int | None = None
    out_of_date: bool = False
    freshness: tuple[str | None] | None = None
    omit_types: bool = False

    def excludes(self, other: Fault) -> bool:
        """Whether one answer cannot have both: they set the same thing, other than an action."""
        settings = (
            f.name for f in fields(self) if f.name not in ("before", "after", "keep_gzip_whole")
        )
        return any(_is_set(getattr(self, s)) and _is_set(getattr(other, s)) for s in settings)

    @classmethod
    def status(cls, status: int, *, retry_after: float | str | None = None) -> Fault:
        """Answer with this status and the body that real portals send with it, such as for 429 or 503."""
        refused = _refusal(status)
        if retry_after is not None:
            refused.headers["Retry-After"] = str(retry_after)
        return cls(refusal=refused)

    @classmethod
    def bare_error(cls, status: int = 500) -> Fault:
        """Answer with an internal error whose body has no error code."""
        return cls(refusal=refusals.bare(status))

    @classmethod
    def invalid_token(cls) -> Fault:
        """Answer with 403, as for an app token that does not exist."""
        return cls(refusal=refusals.invalid_app_token())

    @classmethod
    def login_page(cls) -> Fault:
        """Answer with a proxy's log-in page: HTML, status 200."""
        page = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body></body></html>\n"
        return cls(refusal=Refused(200, page, content_type="text/html; charset=utf-8"))

    @classmethod
    def firewall(cls, status: int = 403) -> Fault:
        """Answer with the page of a firewall before the portal, which says nothing of the dataset."""
        return cls(refusal=refusals.html(status, "Request blocked"))

    @classmethod
    def answer(
        cls,
        body: str | bytes,
        status: int = 200,
        *,
        content_type: str = "application/json;charset=utf-8",
        headers: Mapping[str, str] | None = None,
    ) -> Fault:
        """Answer with exactly this."""
        return cls(refusal=Refused(status, body, content_type, dict(headers or {})))

    @classmethod
    def redirect(cls, location: str, status: int = 302) -> Fault:
        """Answer with a redirect."""
        return cls(refusal=Refused(status, "", headers={"Location": location}))

    @classmethod
    def reset(cls, after_bytes: int = 0) -> Fault:
        """Reset the connection (TCP) after so many bytes of the body as sent; 0: before any answer."""
        return cls(reset_at=after_bytes)

    @classmethod
    def hang_up(cls, after_bytes: int = 0) -> Fault:
        """Close the connection after so many bytes of the body as sent; 0: before any answer.

        The body is chunked and lacks its last chunk, by which a client can tell.
        """
        return cls(hang_up_at=after_bytes)

    @classmethod
    def truncated(cls, after_bytes: int, *, compressed: bool = False) -> Fault:
        """Close the connection early in an answer with neither length nor chunks.

        ``after_bytes`` counts bytes of the text, and gzip ends properly after them: only a client that
        counts rows can tell. With ``compressed`` it counts compressed bytes, and gzip is cut as well.
        """
        return cls(cut_at=after_bytes, keep_gzip_whole=not compressed)

    @classmethod
    def short_page(cls, rows: int) -> Fault:
        """End the page properly after so many rows, though more were asked for and are there."""
        return cls(rows=rows)

    @classmethod
    def slow_drip(cls, piece: int = 64, seconds: float = 0.05) -> Fault:
        """Send the body in pieces of so many bytes, with a wait after each. Added before a fault that
        refuses, it is that one's body."""
        return cls(drip=(piece, seconds))

    @classmethod
    def slow_head(cls, piece: int = 1, seconds: float = 0.05) -> Fault:
        """Send the status line and the headers in pieces of so many bytes, with a wait after each. Added
        before a fault that refuses, they are that one's."""
        return cls(head_drip=(piece, seconds))

    @classmethod
    def same_page(cls) -> Fault:
        """Ignore ``$where``, as a cache does that does not look at queries: each page is the first one."""
        return cls(without_where=True)

    @classmethod
    def bomb(cls, size: int) -> Fault:
        """Follow the header line with a cell of so many bytes, which gzip makes a thousand times smaller."""
        return cls(unpacks_to=size)

    @classmethod
    def endless(cls) -> Fault:
        """As ``bomb``, and it never ends."""
        return cls(unpacks_to=sys.maxsize)

    @classmethod
    def wrong_count(cls, wrong: int | Callable[[int], int]) -> Fault:
        """Answer ``count(*)`` with ``wrong``, or with what it returns for the right number."""
        return cls(count=wrong if callable(wrong) else lambda _: wrong)

    @classmethod
    def doing(cls, action: Callable[[], object]) -> Fault:
        """Call ``action`` just before the answer is made; with ``after=N``, that is between two pages."""
        return cls(before=action)

    @classmethod
    def doing_midway(cls, action: Callable[[], object], after_bytes: int = 1) -> Fault:
        """Call ``action`` once so many bytes of the body are sent.

        An action that waits for an event holds a client in mid-page for as long as a test needs.
        """
        return cls(midway=(after_bytes, action))

    @classmethod
    def delayed(cls, seconds: float) -> Fault:
        """Answer so many seconds later."""
        return cls(delay=seconds)

    @classmethod
    def doing_afterwards(cls, action: Callable[[], object]) -> Fault:
        """Call ``action`` just after the answer was sent."""
        return cls(after=action)

    @classmethod
    def data_out_of_date(cls) -> Fault:
        """Say in the headers that the replica lags, whether it does or not."""
        return cls(out_of_date=True)

    @classmethod
    def freshness_said(cls, text: str | None) -> Fault:
        """Say exactly this of the replica in ``X-SODA2-Data-Out-Of-Date``; None: leave the header out."""
        return cls(freshness=(text,))

    @classmethod
    def without_types(cls) -> Fault:
        """Leave out ``X-SODA2-Fields`` and ``X-SODA2-Types``, as real portals do for many columns."""
        return cls(omit_types=True)


def _is_set(value: object) -> bool:
    return value is not None and value is not False


def _refusal(status: int) -> Refused:
    match status:
        case 202:
            body = '{"code":"202","error":true,"message":"Still processing, please retry"}'
            return Refused(202, body)
        case 401:
            return refusals.wrong_credentials()
        case 403:
            return refusals.private(signed_in=False)
        case 404:
            return refusals.dataset_missing()
        case 408:
            return refusals.query(408, "request-timeout", "Query timed out")
        case 412:
            return refusals.query(412, "precondition-failed", "Precondition failed")
        case 429:
            return refusals.query(429, "too-many-requests", "Too many requests")
        case 500:
            return refusals.query(500, "internal-error", "Internal error")
        case 502:
            return refusals.html(502, "Bad Gateway")
        case 503:
            return refusals.html(503, "Service Temporarily Unavailable")
        case 504:
            return refusals.html(504, "Gateway Time-out")
        case _:
            return refusals.edge(status, f"http.{status}", f"Status {status}")


def first(faults: list[Fault], name: str) -> Any:
    """The value of ``name`` in the first fault that sets it; None if none does."""
    return next((v for f in faults if _is_set(v := getattr(f, name))), None)
