"""What is asked of the portal's catalogue, and how its pages are walked through. Pure, but for ``ask``.

Pages are asked for by ``offset``. It keeps the best matches first, which the catalogue's other way, ``scroll_id``,
is not known to do, and a search that lacks an entry, since the catalogue changed meanwhile, does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from socratasync.errors import (
    AuthenticationFailed,
    DatasetNotFound,
    InvalidQuery,
    SourceUnavailable,
)
from socratasync.pipeline.source.catalogue import CatalogueEntry, CataloguePage

PATH = "/api/catalog/v1"

PAGE = 100
"""Entries that are asked for at once: some 500 kB, of which only what ``CatalogueEntry`` has is kept."""

MOST = 10_000
"""Entries of one search; further down nobody looks."""

MOST_PAGES = 2 * MOST // PAGE
"""For one search. A catalogue that gives a few entries at a time has an end, too."""

IDS = 50
"""In one question, so that it fits into an address."""

Ask = Callable[[Mapping[str, str]], CataloguePage]


def by_ids(ids: Sequence[str]) -> dict[str, str]:
    """These datasets. Not only what is called a dataset there: views of one are loaded as well."""
    return {"ids": ",".join(ids)}


def by_words(words: str) -> dict[str, str]:
    """Datasets with these words in their names, descriptions, columns or tags; no words: all datasets."""
    return {"q": words, "only": "dataset"} if words.strip() else {"only": "dataset"}


def by_name(name: str) -> dict[str, str]:
    """Datasets of this name, as far as the catalogue tells names apart."""
    return {"names": name, "only": "dataset"}


def look_up(ask: Ask, domain: str, ids: Sequence[str]) -> Iterator[CatalogueEntry]:
    """The entries of these ids, each once, in no order; for an id that the catalogue lacks there is none."""
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), IDS):
        some = wanted[start : start + IDS]
        for entry in walk(ask, domain, by_ids(some), most=len(some)):
            if entry.id in some:
                yield entry


def walk(
    ask: Ask, domain: str, question: Mapping[str, str], *, most: int = MOST
) -> Iterator[CatalogueEntry]:
    """The domain's entries that answer the question, each once, page by page: at most ``most``, and of the first
    ``MOST``. Raises ``SourceUnavailable`` where a page repeats what was there, or the pages do not end."""
    seen: set[str] = set()
    offset = given = 0
    for _ in range(MOST_PAGES):
        if given >= most or offset >= MOST:
            return
        page = ask(_on(domain, question, limit=min(PAGE, most, MOST - offset), offset=offset))
        fresh = {entry.id: entry for entry in page.entries if entry.id not in seen}
        if page.entries and not fresh:
            raise SourceUnavailable(f"the pages of the catalogue of {domain} lead in a circle")
        seen.update(fresh)
        ours = [entry for entry in fresh.values() if entry.domain.lower() == domain.lower()]
        yield from ours[: most - given]
        given += len(ours)
        offset += len(page.entries)
        if not page.entries or offset >= page.found:
            return
    raise SourceUnavailable(f"the pages of the catalogue of {domain} do not end")


def _on(domain: str, question: Mapping[str, str], *, limit: int, offset: int) -> dict[str, str]:
    return {
        **question,
        "domains": domain,
        "search_context": domain,
        "limit": str(limit),
        "offset": str(offset),
    }


def answered(domain: str, answer: Callable[[], CataloguePage]) -> CataloguePage:
    """``answer()``. A refusal leaves as ``SourceUnavailable``: no manifest is wrong where the catalogue, of which
    no manifest speaks, is closed or gone."""
    try:
        return answer()
    except (AuthenticationFailed, DatasetNotFound, InvalidQuery) as exc:
        raise SourceUnavailable(
            f"the catalogue of {domain} does not answer: {exc.message}"
        ) from exc
