"""The CustomResourceDefinition, made of the models' schemas."""

from __future__ import annotations

from typing import Any

import yaml

from socratasync import __version__
from socratasync.api.manifest import GROUP, KIND, VERSION
from socratasync.api.schema import JSONSchema, structural
from socratasync.api.spec import SyncSpec
from socratasync.api.status import UNSEEN, SyncStatus

PLURAL = "socratasyncs"
CRD_NAME = f"{PLURAL}.{GROUP}"

_HEADER = "# Generated from the models by `socratasync crd`; change those, not this.\n"


def crd() -> dict[str, Any]:
    """The definition as an object."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": CRD_NAME, "labels": {"app.kubernetes.io/version": __version__}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": "socratasync",
                "shortNames": ["ssync"],
                "categories": ["socrata"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "selectableFields": [
                        {"jsonPath": ".spec.domain"},
                        {"jsonPath": ".spec.suspend"},
                    ],
                    "additionalPrinterColumns": _columns(),
                    "schema": {"openAPIV3Schema": _schema()},
                }
            ],
        },
    }


def crd_yaml() -> str:
    """The definition as YAML: what `socratasync crd` prints and crds/socratasyncs.yaml holds."""
    return _HEADER + yaml.dump(
        crd(), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True
    )


def _schema() -> JSONSchema:
    """The schema of a whole SocrataSync."""
    return {
        "description": "SocrataSync keeps a PostgreSQL table in step with Socrata datasets.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "description": f"Version of this schema: {GROUP}/{VERSION}.",
                "type": "string",
            },
            "kind": {"description": f"The kind of the object: {KIND}.", "type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(SyncSpec),
            "status": {**structural(SyncStatus), "default": UNSEEN},
        },
    }


def _columns() -> list[dict[str, Any]]:
    condition = '.status.conditions[?(@.type=="Ready")]'
    return [
        _column("Domain", "string", ".spec.domain"),
        _column("Mode", "string", ".spec.mode"),
        _column("Schedule", "string", ".spec.schedule"),
        _column("Phase", "string", ".status.phase"),
        _column("Ready", "string", f"{condition}.status"),
        _column("Last Sync", "date", ".status.lastSuccessfulTime"),
        _column("Rows", "integer", ".status.rows.target"),
        _column("Since", "string", ".status.lastSyncedSince"),
        # A string, because kubectl shows a date in the future as <invalid>.
        _column("Next", "string", ".status.nextScheduleTime", wide=True),
        _column("Duration", "string", ".status.lastRun.duration", wide=True),
        _column("Reason", "string", f"{condition}.reason", wide=True),
        _column("Message", "string", f"{condition}.message", wide=True),
        _column("Age", "date", ".metadata.creationTimestamp"),
    ]


def _column(name: str, kind: str, path: str, *, wide: bool = False) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return {**column, "priority": 1} if wide else column


class _Dumper(yaml.SafeDumper):
    """Writes YAML for people: without aliases, and with lists indented under their name."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


if __name__ == "__main__":
    print(crd_yaml(), end="")  # noqa: T201 - this is the command's output
