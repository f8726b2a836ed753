"""The dataset of oddities is served without loss: an independent reader gets every value back."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import requests

from socrata_simulator.portal.oddities import TEXTS
from socrata_simulator.portal.portal import Portal

Ask = Callable[..., requests.Response]


def test_every_odd_text_comes_through_csv_and_json(portal: Portal, ask: Ask) -> None:
    portal.add_oddities("oddd-0001")
    parameters = {"$select": "a_text", "$order": ":id", "$limit": str(len(TEXTS))}

    answer = ask("/resource/oddd-0001.csv", parameters).content.decode()
    rows = list(csv.reader(io.StringIO(answer, newline="")))
    assert [row[0] if row else "" for row in rows[1:]] == list(TEXTS)
    served = ask("/resource/oddd-0001.json", parameters).json()
    assert [row["a_text"] for row in served] == list(TEXTS)


def test_every_type_is_served_in_both_formats(portal: Portal, ask: Ask) -> None:
    dataset = portal.add_oddities("oddd-0001")
    names = [f.name for f in dataset.fields]
    everything = {"$select": ",".join(f"`{n}`" for n in names), "$order": ":id"}

    (full, *_, nulls, _) = ask("/resource/oddd-0001.json", everything).json()
    assert set(full) == set(names)
    assert nulls == {"key": "nulls"}
    assert full["a_location"]["latitude"] == "34.05"
    assert full["a_point"] == {"type": "Point", "coordinates": [-118.294017712, 34.0676390557]}
    assert full["some_json"] == {"json": {"deep": [1, {"er": None}], "text": 'with "quotes"'}}
    answer = ask("/resource/oddd-0001.csv", everything).content.decode()
    (first, *_) = csv.DictReader(io.StringIO(answer, newline=""))
    assert first["a_url"] == "An example (https://example.org/?a=1&b=2)"
    assert first["a_location"] == "200 N Spring St\nLos Angeles, CA 90012\n(34.05, -118.25)"
