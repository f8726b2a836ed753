"""The simulated portal: its datasets, app tokens, accounts and faults, and a log of requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from socrata_simulator.portal.dataset import ColumnLike, Dataset, Row
from socrata_simulator.portal.interfaces import NEITHER, Interfaces
from socrata_simulator.portal.oddities import EVERY_TYPE, every_type_rows
from socrata_simulator.portal.recordings import read_export, read_recorded
from socrata_simulator.portal.switched_on import Faults
from socrata_simulator.portal.synthetic import LA311_COLUMNS, la311_lines


class Portal(Interfaces):
    """Datasets by id, app tokens, accounts, faults and interfaces. Safe to use from any thread."""

    def __init__(
        self,
        *,
        app_tokens: Iterable[str] = (),
        accounts: Mapping[str, str] | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self.app_tokens = set(app_tokens)
        self.accounts = dict(accounts or {})
        self.faults = Faults()
        self.datasets: dict[str, Dataset] = {}
        self.clock_behind = timedelta()
        """So much earlier are changes stamped: made long ago, or the day before."""
        self._clock: Callable[[], datetime] = lambda: clock() - self.clock_behind
        self._lock = threading.Lock()
        self._requests: list[tuple[str, str, dict[str, str]]] = []
        self._interfaces: list[str] = []

    # -- datasets --------------------------------------------------------------------------------

    def __getitem__(self, dataset: str) -> Dataset:
        return self.datasets[dataset]

    def add_dataset(
        self,
        id: str,
        columns: Iterable[ColumnLike],
        rows: Iterable[Row] = (),
        *,
        name: str = "",
    ) -> Dataset:
        """Add a dataset: columns are (fieldName, dataTypeName[, name]), rows are values by fieldName."""
        dataset = Dataset(id, columns, name=name, clock=self._clock)
        self.datasets[id] = dataset
        dataset.insert(*rows)
        return dataset

    def add_synthetic(self, id: str, rows: int, seed: int = 0, *, name: str = "") -> Dataset:
        """Add made-up rows shaped like Los Angeles' 311 requests: 33 columns, unique by ``srnumber``."""
        dataset = self.add_dataset(id, LA311_COLUMNS, name=name or "MyLA311 Service Request Data")
        dataset.insert_lines(list(la311_lines(rows, seed)))
        return dataset

    def add_export(self, id: str, path: Path, *, name: str = "") -> Dataset:
        """Add what a real portal's ``rows.csv`` export holds. Raises ``ValueError``, ``OSError``."""
        found = read_export(path)
        return self.add_dataset(id, found.columns, found.rows, name=name or path.stem)

    def add_recorded(self, id: str, description: Path, answer: Path) -> Dataset:
        """Add what a real portal answered to ``/api/views/<id>.json`` and ``/resource/<id>.csv``."""
        found = read_recorded(description, answer)
        dataset = self.add_dataset(id, found.columns, found.rows)
        dataset.recorded = (dataset.truth.version, {**found.metadata, "id": id})
        return dataset

    def add_oddities(self, id: str) -> Dataset:
        """Add a column of every type and values that loaders trip over; unique by ``key``."""
        return self.add_dataset(id, EVERY_TYPE, every_type_rows(), name="Oddities")

    # -- what was asked ----------------------------------------------------------------------------

    @property
    def requests(self) -> list[tuple[str, str, dict[str, str]]]:
        """The requests so far: (kind, dataset, parameters), oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def interfaces(self) -> list[str]:
        """By which interface each of ``requests`` came: ``SODA2``, ``SODA3``, or nothing for what belongs
        to neither."""
        with self._lock:
            return list(self._interfaces)

    def note(
        self, kind: str, dataset: str, parameters: dict[str, str], interface: str = NEITHER
    ) -> None:
        """Add to the log of requests."""
        with self._lock:
            self._requests.append((kind, dataset, parameters))
            self._interfaces.append(interface)

    def describe(self) -> dict[str, Any]:
        """Counts: rows and columns of each dataset, requests so far, faults that are still to come."""
        datasets = {
            d.id: {"rows": len(d), "columns": len(d.fields), "version": d.truth.version}
            for d in self.datasets.values()
        }
        return {
            "datasets": datasets,
            "requests": len(self.requests),
            "faults": self.faults.pending,
        }
