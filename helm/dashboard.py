"""Writes the Grafana dashboard of ``dashboard_panels.py``: panels are data there, JSON only for Grafana.

python helm/dashboard.py            # after the panels changed
python helm/dashboard.py --check    # exit 1 if that was forgotten
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dashboard_panels import ROWS, WIDTH, Panel

FILE = Path(__file__).parent / "socrata-sync" / "files" / "dashboard.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """The whole dashboard, as Grafana imports it."""
    return {
        "uid": "socratasync",
        "title": "Socrata Sync",
        "description": "Whether PostgreSQL tables are in step with their Socrata datasets.",
        "tags": ["socratasync"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [_datasource(), _choice("namespace", ""), _choice("name", "namespace")]
        },
        "panels": _placed(),
    }


def _datasource() -> dict[str, Any]:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
    }


def _choice(label: str, within: str) -> dict[str, Any]:
    narrowed = f'{{{within}=~"${within}"}}' if within else ""
    query = f"label_values(socratasync_info{narrowed}, {label})"
    return {
        "name": label,
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": label},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def _placed() -> list[dict[str, Any]]:
    """Panels from left to right, and on to the next line when one is full."""
    made: list[dict[str, Any]] = []
    y = 0
    for title, panels in ROWS:
        made.append(
            {"id": len(made) + 1, "type": "row", "title": title, "gridPos": _grid(0, y, WIDTH, 1)}
        )
        x, y, tallest = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y, tallest = 0, y + tallest, 0
            made.append({"id": len(made) + 1, **_panel(panel, x, y)})
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return made


def _grid(x: int, y: int, w: int, h: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": w, "h": h}


def _panel(panel: Panel, x: int, y: int) -> dict[str, Any]:
    steps = [{"color": color, "value": value} for color, value in panel.steps]
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.says,
        "datasource": SOURCE,
        "gridPos": _grid(x, y, panel.width, panel.height),
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "thresholds": {"mode": "absolute", "steps": steps},
                "mappings": list(panel.mappings),
            },
            "overrides": [],
        },
        "options": _options(panel.kind),
        "targets": [
            {"refId": chr(ord("A") + i), "datasource": SOURCE, "expr": expr, "legendFormat": legend}
            for i, (expr, legend) in enumerate(panel.queries)
        ],
    }


def _options(kind: str) -> dict[str, Any]:
    if kind == "stat":
        return {
            "reduceOptions": {"calcs": ["lastNotNull"]},
            "colorMode": "value",
            "graphMode": "none",
        }
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": kind == "timeseries"}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def main() -> int:
    """Write the dashboard, or with ``--check`` say whether it is up to date."""
    wanted = json.dumps(dashboard(), indent=2) + "\n"
    if "--check" not in sys.argv[1:]:
        FILE.write_text(wanted)
        return 0
    if FILE.read_text() == wanted:
        return 0
    sys.stderr.write(f"{FILE} is not what {__file__} says: run python {__file__}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
