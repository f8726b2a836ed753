"""What tests of the simulator share: a way to ask it, and the recorded answers of a real portal."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from socrata_simulator.http.server import Server
from socrata_simulator.portal.synthetic import LA311_COLUMNS

Ask = Callable[..., requests.Response]


@pytest.fixture
def ask(socrata: Server) -> Iterator[Ask]:
    """``ask(path, {parameter: value}, headers=…)``: one GET, over one connection that stays open; with
    ``method="POST"`` one of these."""
    with requests.Session() as session:

        def get(path: str, params: dict[str, str] | None = None, **more: Any) -> requests.Response:
            url, method = f"https://{socrata.domain}{path}", more.pop("method", "GET")
            more.setdefault("allow_redirects", False)
            return session.request(method, url, params=params, timeout=20, **more)

        yield get


@pytest.fixture
def real(real_folder: Path | None, tmp_path: Path) -> Path:
    """The folder with real portals' files; where there is none, small made-up ones of their shape."""
    if real_folder is not None:
        return real_folder
    _write_exports(tmp_path)
    _write_recording(tmp_path)
    (tmp_path / "chicago_v3_query.csv").write_text(_SODA3_ANSWER)
    return tmp_path


_SODA3_ANSWER = """\
"id","issue_date","work_description","latitude","location",":id",":version",":created_at",":updated_at",\
":@computed_region_rpca_8um6"
"1","2026-03-09T00:00:00.000","A ""NEW"" ROOF, WITH A
DOOR","41.901042374044735","POINT (-87.627490147713 41.901042374045)","row-nbe3_fwft_f5nw",\
"rv-azvc_7xhd-e6wf","2026-03-10T12:11:53.857Z","2026-03-10T12:12:17.712Z","6"
"2",,"é",,,"row-ma4v_gtu7_5yzz","rv-avtr-z69d~6n6y","2026-03-10T12:11:53.857Z","2026-03-10T12:12:17.712Z",
"""


def _write_exports(folder: Path) -> None:
    titles = [title for _, _, title in LA311_COLUMNS]
    row = dict.fromkeys(titles, "") | {
        "SRNumber": "1-1",
        "CreatedDate": "12/31/2018 11:55:30 PM",
        "UpdatedDate": "01/01/2019 12:00:09 AM",
        "Owner": 'the "city"',
        "Address": "1 N MAIN ST, 90012",
        "HouseNumber": "1",
        "Latitude": "34.2473989385",
        "Longitude": "-118.536249101",
    }
    regions = ["Zip Codes", "Census Tracts", "Precinct Boundaries", "LA Specific Plans"]
    regions += ["Council Districts", "Neighborhood Councils (Certified)"]
    point = row | {"Location": "POINT (-118.536249101 34.2473989385)"}
    pair = row | {"Location": "(34.2473989385, -118.536249101)"} | dict.fromkeys(regions, "7")
    for name, first in (("wktlocation", point), ("computedregions", pair)):
        with (folder / f"la311_2018_rowscsv_{name}.csv").open("w", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerows([list(first), list(first.values()), ["1-2"] + [""] * (len(first) - 1)])


def _write_recording(folder: Path) -> None:
    fields = {"countid": "number", "id": "number", "date": "calendar_date", "counts": "number"}
    columns = [{"fieldName": f, "dataTypeName": t, "name": f} for f, t in fields.items()]
    view = {
        "id": "uczf-rk3c",
        "attribution": "Department of Transportation (DOT)",
        "columns": columns,
    }
    rows = [(str(n), "100009425", "2023-06-03T00:00:00.000", str(n % 7)) for n in range(20)]
    text = "".join(",".join(f'"{c}"' for c in cells) + "\n" for cells in (tuple(fields), *rows))
    named = [json.dumps(dict(zip(fields, r, strict=True)), separators=(",", ":")) for r in rows]
    (folder / "nyc_uczf-rk3c_api_views_metadata.json").write_text(json.dumps(view))
    (folder / "nyc_uczf-rk3c_resource.csv").write_text(text)
    (folder / "nyc_uczf-rk3c_resource.json").write_text("[" + "\n,".join(named) + "]\n")
