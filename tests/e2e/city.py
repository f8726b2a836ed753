"""The LA 311 example as shipped, pointed at a simulated portal that has all of its datasets."""

from __future__ import annotations

from typing import Any

import yaml
from tests.e2e import authority
from tests.e2e.cluster import Cluster
from tests.e2e.install import ROOT

from socrata_simulator.portal.portal import Portal

EXAMPLE = ROOT / "manifests" / "examples" / "la-311.yaml"
NAME = "la-311"
ROWS_A_YEAR = 200
_DATES = {"createddate", "closeddate", "systemmodstamp", "service_date__c"}
_NUMBERS = {"geolocation__latitude__s", "geolocation__longitude__s"}


def manifest(cluster: Cluster, port: int) -> dict[str, Any]:
    """The example with the simulated portal's address, and with the authority that the portal has."""
    found: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text())
    found["spec"]["domain"] = f"{cluster.address}:{port}"
    found["spec"]["job"] = authority.trusting_job()
    return found


def secrets(dsn: str, token: str, pem: str) -> list[dict[str, Any]]:
    """What the example refers to; ``pem`` is the portal's authority."""
    return [
        _secret("la-311-db", dsn=dsn),
        _secret("socrata-token", token=token),
        authority.config_map(pem),
    ]


def _secret(name: str, **values: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def populate(portal: Portal) -> int:
    """All datasets of the example, the last one in the city's new form; how many rows there are."""
    datasets = yaml.safe_load(EXAMPLE.read_text())["spec"]["datasets"]
    for dataset in datasets:
        if "columns" in dataset:
            _add_new_form(portal, dataset["id"], dataset["columns"])
        else:
            portal.add_synthetic(dataset["id"], rows=ROWS_A_YEAR, seed=dataset["year"] % 100)
    return ROWS_A_YEAR * len(datasets)


def _add_new_form(portal: Portal, dataset: str, columns: dict[str, str]) -> None:
    fields = [*columns.values(), "createddate", "closeddate", "status"]
    portal.add_dataset(
        dataset,
        [(field, _type(field)) for field in fields],
        [
            {
                "casenumber": f"{26_000_000 + n}",
                "type": "Bulky Items",
                "status": "Open" if n % 3 else "Closed",
                "createddate": f"2026-01-{n % 28 + 1:02d}T08:00:00.000",
                "systemmodstamp": f"2026-02-{n % 28 + 1:02d}T09:30:00.000",
                "geolocation__latitude__s": f"34.{n:04d}",
                "geolocation__longitude__s": f"-118.{n:04d}",
            }
            for n in range(ROWS_A_YEAR)
        ],
        name="MyLA311 Cases 2026",
    )


def _type(field: str) -> str:
    return "calendar_date" if field in _DATES else "number" if field in _NUMBERS else "text"
