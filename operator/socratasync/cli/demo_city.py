"""The demo's city: a simulated portal with two years of service requests, and changes to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from socrata_simulator.portal.portal import Portal
from socrata_simulator.portal.synthetic import LA311_COLUMNS, la311_lines

LAST_YEAR = "requ-2019"
THIS_YEAR = "requ-2020"
CHANGED_YESTERDAY = 400
NEW = 1200
CLOSED = 800
WITHDRAWN = 50


class City:
    """Publishes ``rows`` requests for each of two years. Its clock moves only with the changes below."""

    def __init__(self, rows: int, now: datetime | None = None) -> None:
        self._today = now or datetime.now(UTC)
        self._clock = self._today - timedelta(days=30)
        self.portal = Portal(clock=lambda: self._clock)
        for seed, (dataset, year) in enumerate([(LAST_YEAR, 2019), (THIS_YEAR, 2020)], start=1):
            published = self.portal.add_dataset(
                dataset, LA311_COLUMNS, name=f"MyLA311 Service Request Data {year}"
            )
            published.insert_lines(list(_lines(year, rows, seed)))
        # If all rows were equally new, the next update would read all: it begins before the newest row.
        self._clock = self._today - timedelta(days=1)
        for published in self.portal.datasets.values():
            published.touch(published.ids(limit=CHANGED_YESTERDAY))

    def a_night_passes(self) -> None:
        """Add new requests, one of them twice, and close others."""
        self._clock = self._today
        this_year = self.portal[THIS_YEAR]
        still_open = this_year.ids("status = 'Open'", limit=CLOSED)
        done = self._today.replace(tzinfo=None, microsecond=0).isoformat() + ".000"
        this_year.update(still_open, status="Closed", updateddate=done, closeddate=done)
        new = list(_lines(2020, NEW, seed=77))
        this_year.insert_lines([*new, new[-1].replace(b'"Open"', b'"Cancelled"')])

    def a_week_passes(self) -> None:
        """Delete requests of the old year, which an update cannot notice, and add a column."""
        self._clock = self._today + timedelta(days=6)
        last_year = self.portal[LAST_YEAR]
        last_year.delete(last_year.ids(limit=WITHDRAWN))
        last_year.add_column("councilaide", "text", "CouncilAide")
        last_year.update(last_year.ids(limit=10), councilaide="J. Doe")


def _lines(year: int, rows: int, seed: int) -> Iterator[bytes]:
    """The simulator's requests of 2018, with the dates of another year."""
    for line in la311_lines(rows, seed):
        yield line.replace(b'"2019-', b'"%d-' % (year + 1)).replace(b'"2018-', b'"%d-' % year)
