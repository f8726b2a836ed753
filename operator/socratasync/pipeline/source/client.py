"""The edge to Socrata: what can be asked of a dataset and of a portal. How it is asked is in ``asking``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

from socratasync.api.source import Interface as Name
from socratasync.errors import DatasetNotFound, InvalidQuery, SchemaChanged
from socratasync.pipeline.source import answers, catalogue, discovery, figures, soql, undescribed
from socratasync.pipeline.source.answers import KeyGroup, Metadata
from socratasync.pipeline.source.asking import Asking
from socratasync.pipeline.source.catalogue import CatalogueEntry, CataloguePage
from socratasync.pipeline.source.description import Description, read_description
from socratasync.pipeline.source.refusals import Refused
from socratasync.pipeline.source.request import Request
from socratasync.pipeline.source.soql import Query

T = TypeVar("T")

IDS_AT_ONCE = 10_000


class Source(Asking):
    """One Socrata domain, as one run sees it."""

    # -- single answers ------------------------------------------------------------------------

    def metadata(self, dataset: str, remembered: Mapping[str, str] | None = None) -> Metadata:
        """The dataset's columns and time of change, where ``/api/views`` tells no more as ``undescribed`` finds
        them, with the columns ``remembered``. Retries; raises ``DatasetNotFound`` and others."""
        described = self.retrying(lambda: self._described(dataset, answers.read_metadata))
        return described or undescribed.describe(self, dataset, remembered or {})

    def description(self, dataset: str) -> Description | None:
        """What ``/api/views`` tells people of the dataset; None where it tells no more. Retries; raises as ``metadata``."""
        return self.retrying(lambda: self._described(dataset, read_description))

    def changed_at(self, dataset: str) -> datetime | None:
        """When rows last changed, as ``metadata`` says, without asking for more than that. Retries."""
        described = self.retrying(lambda: self._described(dataset, answers.read_metadata))
        if described:
            return described.rows_updated_at
        return self.newest(dataset, undescribed.NEWEST)

    def _described(self, dataset: str, read: Callable[[str, bytes], T]) -> T | None:
        request = Request(path=f"/api/views/{dataset}.json")
        try:
            return self._read(dataset, request, read)
        except Refused as refused:
            if isinstance(refused.error, DatasetNotFound):
                return None
            raise refused.error from refused

    def heading(self, dataset: str) -> undescribed.Heading:
        """What the rows say of their columns. Retries."""

        def read() -> undescribed.Heading:
            with self.rows(dataset, undescribed.HEADING) as stream:
                for _ in stream:
                    pass
            return undescribed.read_heading(dataset, stream.header, stream.types)

        return self.by_either(lambda: self.retrying(read))

    def has_columns(self, dataset: str, fields: Sequence[str]) -> bool:
        """Whether all these columns of the rows can be asked for. Retries."""
        try:
            self._queried(dataset, soql.only(fields), answers.read_any)
        except (SchemaChanged, InvalidQuery):  # no such column, or a name that no query can hold
            return False
        return True

    # -- the catalogue ---------------------------------------------------------------------------

    def catalogue(self, ids: Sequence[str]) -> Iterator[CatalogueEntry]:
        """The portal's catalogue of these datasets, each once; none for an id that it lacks. Retries."""
        return discovery.look_up(self._catalogue, self.domain, ids)

    def search(self, words: str, most: int = discovery.MOST) -> Iterator[CatalogueEntry]:
        """The portal's datasets with these words, the best first, page by page. Retries."""
        question = discovery.by_words(words)
        return discovery.walk(self._catalogue, self.domain, question, most=most)

    def named(self, name: str, most: int = discovery.PAGE) -> Iterator[CatalogueEntry]:
        """The portal's datasets of this name, as far as the catalogue tells names apart. Retries."""
        question = discovery.by_name(name)
        return discovery.walk(self._catalogue, self.domain, question, most=most)

    def _catalogue(self, question: Mapping[str, str]) -> CataloguePage:
        request = Request(path=discovery.PATH, parameters=question)

        def answer() -> CataloguePage:
            return self._once(
                "its catalogue", request, lambda _, body: catalogue.read_page(self.domain, body)
            )

        return discovery.answered(self.domain, lambda: self.retrying(answer))

    # -- queries ---------------------------------------------------------------------------------

    # ``by``: the interface that what is asked about came by. Raises ``InterfaceChanged`` if another is in use, or
    # comes to be; without it, whichever answers will do.

    def newest(self, dataset: str, query: Query) -> datetime | None:
        """The time that ``soql.newest`` asks for; None if no row has one. Retries."""
        return self._queried(dataset, query, answers.read_newest)

    def count(self, dataset: str, query: Query, *, by: Name | None = None) -> int:
        """The number that ``soql.count`` asks for. Retries."""
        return self._queried(dataset, query, answers.read_count, by)

    def sharing(self, dataset: str, query: Query) -> list[KeyGroup]:
        """The groups that ``soql.sharing`` asks for. Asked once, and not waited for for long: grouping a large
        dataset may take the portal minutes."""
        return self._queried_in_passing(dataset, query, answers.read_groups)

    def distinct(self, dataset: str, fields: Sequence[str]) -> tuple[int, Mapping[str, int]]:
        """How many rows there are, and field → how many values; a null is none. Retries."""
        return self._queried(
            dataset,
            figures.distinct(fields),
            lambda _, body: figures.read_distinct(dataset, body, fields),
        )

    def days_of_change(self, dataset: str) -> list[date]:
        """The newest days on which rows of today changed last, ascending. Retries."""
        return self._queried(dataset, figures.days(), figures.read_days)

    def has_rows(self, dataset: str, where: str | None, *, by: Name | None = None) -> bool:
        """Whether a row meets the condition, without counting how many do. Retries."""
        return bool(self._queried(dataset, soql.any_row(where), answers.read_ids, by))

    def ids(self, dataset: str, where: str | None, *, by: Name) -> Iterator[str]:
        """The ``:id``s of the rows that meet the condition, in the portal's order. Retries."""
        last = None
        while page := self._queried(
            dataset, soql.ids(where, last, IDS_AT_ONCE), answers.read_ids, by
        ):
            yield from page
            last = page[-1]

    def existing(
        self, dataset: str, ids: Sequence[str], where: str | None = None, *, by: Name
    ) -> set[str]:
        """Those of the rows with these ``:id``s that there are and meet ``where``. Retries."""
        found: set[str] = set()
        for start in range(0, len(ids), soql.MOST_IDS):
            query = soql.existing(ids[start : start + soql.MOST_IDS], where)
            found.update(self._queried(dataset, query, answers.read_ids, by))
        return found
