"""Answers the requests of one connection, or does what the faults that are switched on say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from socrata_simulator import refusals
from socrata_simulator.http import administration, headers, identity, views
from socrata_simulator.http.asked import Asked, read, read_post
from socrata_simulator.http.catalog import catalog
from socrata_simulator.http.export import export_body
from socrata_simulator.http.pages import bomb, chunked, compressed, midway, up_to, written
from socrata_simulator.http.wire import Wire
from socrata_simulator.portal.faults import Fault, first
from socrata_simulator.portal.interfaces import NEITHER, SODA3
from socrata_simulator.refusals import Refused
from socrata_simulator.soql.query import parse
from socrata_simulator.soql.soda3 import parse_soda3, seen_by_soda3

if TYPE_CHECKING:
    from socrata_simulator.portal.dataset import Dataset, State
    from socrata_simulator.soql.query import Query


LONGEST_ADDRESS = 8190
"""Characters of a request's path and query, as web servers allow by default."""


class Handler(Wire):
    """Reads requests and decides what answers them; ``Wire`` sends it."""

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """Answer the request, with the faults that it meets."""
        self._begin()
        if len(self.path) > LONGEST_ADDRESS:
            self._send(refusals.html(414, "Request-URI Too Large"))
            return
        asked = read(self.path)
        if asked is not None:
            self._serve(asked)
        elif not self._administer(None):
            self._send(refusals.html(404, "Not Found"))

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        """Answer queries of SODA3 and administration; anything else is refused, for it is only read."""
        self._begin()
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        asked = read_post(self.path, body, self.headers.get("Content-Type") or "")
        if asked is not None:
            self._serve(asked)
        elif not self._administer(body):
            self._send(refusals.html(405, "Not Allowed"))

    def do_DELETE(self) -> None:  # noqa: N802 - http.server's name
        """Answer administration; anything else is refused."""
        self._begin()
        if not self._administer(b""):
            self._send(refusals.html(405, "Not Allowed"))

    def _begin(self) -> None:
        """Forget what was so of the request before, which came over the same connection."""
        self._head_drip = self._drip = None
        self._interface = NEITHER

    def _serve(self, asked: Asked) -> None:
        """Answer a request of a client, with the faults that it meets."""
        self._interface = asked.interface
        portal = self.server.portal
        portal.note(asked.kind, asked.dataset, asked.parameters, asked.interface)
        faults = portal.faults.meet(asked.kind, asked.dataset, asked.interface)
        self._head_drip, self._drip = first(faults, "head_drip"), first(faults, "drip")
        self.server.closing.wait(first(faults, "delay") or 0)
        for fault in faults:
            if fault.before:
                fault.before()
        # After those actions, which may turn a switch for this very request.
        switched_off = portal.refusal_of(asked.interface, asked.kind, asked.dataset)
        try:
            self._answer(asked, faults, switched_off)
        except Refused as refused:
            self._refuse(asked, refused)
        for fault in faults:
            if fault.after:
                fault.after()

    def _refuse(self, asked: Asked, refused: Refused) -> None:
        if asked.interface == SODA3:
            inner_form = self.server.portal.refuses_in_inner_form
            refused = refusals.in_soda3(refused, inner_form=inner_form)
        self._send(refused)

    def _administer(self, body: bytes | None) -> bool:
        """Answer a request to ``administration``. False if it is none, or administration is off."""
        if not (self.server.admin and self.path.startswith(administration.PREFIX)):
            return False
        status, document = administration.answer(
            self.server.portal, self.command, self.path, body or b""
        )
        self._send_json(document, status)
        return True

    def _answer(self, asked: Asked, faults: list[Fault], switched_off: Refused | None) -> None:
        if first(faults, "reset_at") == 0:
            self._reset()
            return
        if first(faults, "hang_up_at") == 0:
            self.close_connection = True
            return
        refusal: Refused | None = switched_off or first(faults, "refusal")
        if refusal is not None:
            raise replace(refusal)  # a copy: each raise adds to an exception's traceback
        portal = self.server.portal
        account = identity.account(portal, asked, self.headers)  # type: ignore[arg-type]
        if asked.kind == "catalog":
            known = list(portal.datasets.values())
            self._send_compact(catalog(known, self.server.domain, asked.parameters))
            return
        dataset = identity.dataset(portal, asked, account)
        if asked.kind == "metadata":
            self._send_json(views.view(dataset))
        else:
            self._send_rows(asked, dataset, faults)

    # -- rows --------------------------------------------------------------------------------------

    def _send_rows(self, asked: Asked, dataset: Dataset, faults: list[Fault]) -> None:
        if asked.problem is not None:
            raise replace(asked.problem)
        state = dataset.shown
        parameters = _tampered(asked.parameters, faults)
        query = _query(asked, parameters, dataset, state)
        gzip = "gzip" in (self.headers.get("Accept-Encoding") or "")
        answer = self._head_of_rows(asked, dataset, state, query, faults, gzip=gzip)
        if headers.is_unchanged(self.headers, answer):  # type: ignore[arg-type]
            kept = ("ETag", "Last-Modified", "Vary")
            self._head(304, {k: answer[k] for k in kept if k in answer})
            return
        query = replace(query, tampered=first(faults, "count"))
        if size := first(faults, "unpacks_to"):
            body = bomb(query, size)
            packed = compressed(body, 1) if gzip else body
            self._send_chunks(chunked(packed), answer, faults)
        elif asked.for_people:
            text = export_body(query, query.positions())
            self._send_chunks(chunked(compressed(text, 1) if gzip else text), answer, faults)
        elif first(faults, "cut_at") is not None:
            self._send_cut(query, asked.extension, answer, faults, gzip=gzip)
        else:
            body = self.server.pages.body(
                dataset, state, query, parameters, asked.extension, gzip=gzip
            )
            self._send_chunks(body, answer, faults)
        dataset.answered(state)

    def _head_of_rows(
        self,
        asked: Asked,
        dataset: Dataset,
        state: State,
        query: Query,
        faults: list[Fault],
        *,
        gzip: bool,
    ) -> headers.Headers:
        """The headers before rows, as faults leave them."""
        negotiated = f"{asked.extension} {'gzip' if gzip else ''}"
        behind = bool(first(faults, "out_of_date"))
        if asked.interface == SODA3:
            tag = headers.weak_etag(
                dataset, state, asked.parameters, f"{negotiated} {asked.wishes}"
            )
            answer = headers.of_soda3_rows(
                dataset, state, query, extension=asked.extension, etag=tag, out_of_date=behind,
                now=datetime.now(UTC),
            )  # fmt: skip
        else:
            tag = headers.etag(dataset, state, asked.parameters, negotiated)
            answer = headers.of_rows(
                dataset, state, query, extension=asked.extension, etag=tag, out_of_date=behind
            )
        return headers.told(
            answer, first(faults, "freshness"), bool(first(faults, "omit_types")), gzip
        )

    def _send_chunks(
        self, body: Iterator[bytes], answer: headers.Headers, faults: list[Fault]
    ) -> None:
        self._head(200, {**answer, "Transfer-Encoding": "chunked"})
        reset_at, ends_at = first(faults, "reset_at"), first(faults, "hang_up_at")
        for piece in midway(up_to(body, reset_at or ends_at), first(faults, "midway")):
            self._write(piece, self._drip)
        if reset_at:
            self._reset()
        elif ends_at:
            self.close_connection = True

    def _send_cut(
        self,
        query: Query,
        extension: str,
        answer: headers.Headers,
        faults: list[Fault],
        *,
        gzip: bool,
    ) -> None:
        """Send a body without a length, and close the connection before the body is complete."""
        fault = next(f for f in faults if f.cut_at is not None)
        text, level = written(query, extension), self.server.pages.gzip_level
        if gzip and fault.keep_gzip_whole:
            body = b"".join(compressed(up_to(text, fault.cut_at), level))
        else:
            body = b"".join(up_to(compressed(text, level) if gzip else text, fault.cut_at))
        self.close_connection = True
        self._head(200, {**answer, "Connection": "close"})
        self._write(body, self._drip)


def _query(asked: Asked, parameters: dict[str, str], dataset: Dataset, state: State) -> Query:
    if asked.interface == SODA3:
        table = seen_by_soda3(state.table, dataset)
        return parse_soda3(table, parameters, dataset.id, asked.wishes, dataset)
    return parse(state.table, parameters, dataset.id)


def _tampered(parameters: dict[str, str], faults: list[Fault]) -> dict[str, str]:
    rows: int | None = next((f.rows for f in faults if f.rows is not None), None)
    if first(faults, "without_where"):
        parameters = {k: v for k, v in parameters.items() if k != "$where"}
    return parameters if rows is None else {**parameters, "$limit": str(rows)}
