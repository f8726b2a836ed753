"""How one value is stored, and how it is written in CSV and in JSON, for every type.

A stored cell is the text that goes into CSV. Cells of ``location``, ``url``, ``document``, ``phone`` and ``json``
are stored as compact JSON instead, because their CSV says less than their JSON. A row is stored as one
line of quoted cells, so that CSV is served without looking at cells.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote_plus

CANONICAL = {
    "calendar_date": "floating_timestamp",
    "date": "fixed_timestamp",
    "checkbox": "boolean",
    **dict.fromkeys(("email", "drop_down_list", "html"), "text"),
    **dict.fromkeys(("money", "percent", "stars"), "number"),
    **dict.fromkeys(("photo", "blob"), "text"),
}
"""``dataTypeName`` of the metadata → the type's name in SoQL and in ``X-SODA2-Types``, if it differs."""

_SPLIT = re.compile(rb'"[^"]*(?:""[^"]*)*"|(?<![^,])(?=,|\Z)')
_BYTES = "surrogateescape"
"""A text may stand for bytes that are no UTF-8, as ``os.fsdecode`` makes them: ``"a\udcff"`` is served as
``61 ff``, in CSV."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAGGED = frozenset({"location", "url", "document", "phone", "json"})
_NAMED_BY_TEXT = {"url": "url", "document": "file_id", "phone": "phone_number"}
"""What a text stands for where it is given for a value of several parts."""
_WKT = re.compile(r"[A-Z]+|-?[0-9.]+(?:[eE][-+]?[0-9]+)?|[(),]")
_GEOMETRIES = {
    "POINT": "Point",
    "LINESTRING": "LineString",
    "POLYGON": "Polygon",
    "MULTIPOINT": "MultiPoint",
    "MULTILINESTRING": "MultiLineString",
    "MULTIPOLYGON": "MultiPolygon",
}
GEOMETRY_TYPES = frozenset({"point", "line", "polygon", "multipoint", "multiline", "multipolygon"})


@functools.cache
def canonical(type_name: str) -> str:
    """The name that SoQL has for a type."""
    name = type_name.lower()
    return CANONICAL.get(name, name)


# -- lines of cells ------------------------------------------------------------------------------


def join(cells: list[str | None]) -> bytes:
    """Stored cells as one line: each is quoted, a null is empty and unquoted."""
    return ",".join("" if c is None else '"' + c.replace('"', '""') + '"' for c in cells).encode()


def split(line: bytes) -> list[bytes]:
    """The cells of a line, still quoted; a null is empty."""
    return _SPLIT.findall(line)


def unquote(cell: bytes) -> str | None:
    """The text of a quoted cell; None for a null."""
    return cell[1:-1].replace(b'""', b'"').decode(errors=_BYTES) if cell else None


def cell_finder(slot: int) -> Callable[[bytes], str | None]:
    """A function that finds one cell's text in a line, faster than by splitting the line."""
    cell = rb'(?:"[^"]*+(?:""[^"]*+)*+")?+'
    match = re.compile(rb"(?:%b,){%d}+(%b)" % (cell, slot, cell)).match

    def find(line: bytes) -> str | None:
        found = match(line)
        return unquote(found[1]) if found else None

    return find


def quoted(text: str) -> bytes:
    """A text as a quoted cell."""
    return b'"' + text.encode(errors=_BYTES).replace(b'"', b'""') + b'"'


# -- values that users give ------------------------------------------------------------------------


def store(value: Any, type_name: str) -> str | None:
    """The stored text of a Python value: str, int, Decimal, float, bool, datetime, dict or None."""
    kind = canonical(type_name)
    if kind in _TAGGED:
        return value if value is None or _is_json_object(value) else _tagged(value, kind)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and kind == "double":
        return java_double(value)
    if kind == "number":
        return plain_number(Decimal(str(value)))
    if isinstance(value, date):
        return _timestamp(value, kind)
    return str(value)


def _is_json_object(value: Any) -> bool:
    try:
        return isinstance(value, str) and isinstance(json.loads(value), dict)
    except ValueError:
        return False


def _tagged(value: Any, kind: str) -> str:
    if kind == "json":
        return compact({"json": value})
    if not isinstance(value, str):
        return compact(value)
    if kind == "location":
        return compact({"human_address": compact({"address": value})})
    return compact({_NAMED_BY_TEXT[kind]: value})


def _timestamp(value: date, kind: str) -> str:
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - floating
    text = (at.astimezone(UTC) if at.tzinfo else at).strftime("%Y-%m-%dT%H:%M:%S.")
    return f"{text}{at.microsecond // 1000:03d}" + ("Z" if kind == "fixed_timestamp" else "")


def stamp(milliseconds: int) -> str:
    """Milliseconds since 1970 as ``2020-01-20T00:00:00.000Z``."""
    at = _EPOCH + timedelta(milliseconds=milliseconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def plain_number(value: Decimal) -> str:
    """A number as Socrata writes it: without an exponent, unless its scale is above twenty."""
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and abs(exponent) <= 20:
        return f"{value:f}"
    return str(value)


def java_double(value: float) -> str:
    """A double as Java writes it: with an exponent from ten million up, and below a thousandth."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    mantissa, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        digits = Decimal(mantissa).normalize().as_tuple()
        exponent = str(len(digits.digits) - 1 + int(digits.exponent))
        text = "".join(map(str, digits.digits))
        mantissa = f"{'-' if digits.sign else ''}{text[0]}.{text[1:] or '0'}"
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def compact(value: object) -> str:
    """JSON as the server writes it: without spaces, and with letters outside ASCII unescaped."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


# -- CSV -------------------------------------------------------------------------------------------


def csv_is_stored_text(type_name: str) -> bool:
    """Whether the stored cells of a type go into CSV unchanged."""
    return canonical(type_name) not in _TAGGED


def csv_text(cell: str, type_name: str) -> str | None:
    """The text that CSV has for a stored cell; None for one that it has nothing of."""
    render = _CSV.get(canonical(type_name))
    return render(json.loads(cell)) if render else cell


_ADDRESS = (("address", "\n"), ("city", ", "), ("state", " "), ("zip", ""))
"""The parts of an address, and what follows each: also one that is empty, but not one that is missing."""


def _location_csv(value: Mapping[str, Any]) -> str | None:
    """``address``, ``city, state zip`` and ``(lat, lon)``, in lines of their own."""
    address = value.get("human_address") or "{}"
    parts = json.loads(address) if isinstance(address, str) else address
    text = "".join(
        parts[part] + after for part, after in _ADDRESS if isinstance(parts.get(part), str)
    )
    if value.get("latitude") is not None and value.get("longitude") is not None:
        text += "\n" * bool(text) + f"({value['latitude']}, {value['longitude']})"
    return text or None


def _url_csv(value: Mapping[str, Any]) -> str | None:
    url, description = value.get("url"), value.get("description")
    if url is not None and description is not None:
        return f"{description} ({url})"
    return description if url is None else url


def _document_csv(value: Mapping[str, Any]) -> str:
    named = [(name, value[name]) for name in ("filename", "content_type") if value.get(name)]
    rest = "&".join(f"{name}={quote_plus(text, safe='*')}" for name, text in named)
    return str(value["file_id"]) + ("?" + rest if rest else "")


def _phone_csv(value: Mapping[str, Any]) -> str | None:
    parts = [value.get("phone_type"), value.get("phone_number")]
    return ": ".join(part for part in parts if part is not None)


_CSV: dict[str, Callable[[Mapping[str, Any]], str | None]] = {
    "location": _location_csv,
    "url": _url_csv,
    "document": _document_csv,
    "phone": _phone_csv,
    "json": lambda value: compact(value["json"]),
}

# -- JSON ------------------------------------------------------------------------------------------


def json_text(cell: str, type_name: str) -> str:
    """The JSON of a stored cell."""
    kind = canonical(type_name)
    if kind == "boolean" or kind in _TAGGED:
        return cell
    if kind == "double" and cell.lstrip("-") not in ("NaN", "Infinity"):
        return cell
    if kind in GEOMETRY_TYPES:
        return geojson(cell)
    return compact(cell)


def geojson(wkt: str) -> str:
    """A geometry, given as WKT, as GeoJSON; its numbers keep all their digits."""
    tokens = _WKT.findall(wkt.upper())
    name, words = tokens[0], iter(tokens[1:])
    coordinates = _nested(words)
    if name == "POINT":
        coordinates = coordinates[1:-1]
    if name == "MULTIPOINT" and "[[[" in coordinates:
        coordinates = coordinates.replace("[[", "[").replace("]]", "]")
    return f'{{"type":"{_GEOMETRIES[name]}","coordinates":{coordinates}}}'


def _nested(words: Any) -> str:
    out, numbers = [], []
    for word in words:
        if word not in "(),":
            numbers.append(word)
            continue
        if numbers:
            out.append("[" + ",".join(numbers) + "]")
            numbers = []
        out.append({"(": "[", ")": "]", ",": ","}[word])
    return "".join(out)
