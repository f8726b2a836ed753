"""Rows shaped like MyLA311 service requests of 2018: 33 columns, about 328 bytes of CSV each.

The same seed makes the same rows. Rows are put together from ready-made pieces of a line, which is
fast, and keeps together what belongs together (owner and request type, district and council).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta

# fieldName, dataTypeName, name
LA311_COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("srnumber", "text", "SRNumber"),
    ("createddate", "calendar_date", "CreatedDate"),
    ("updateddate", "calendar_date", "UpdatedDate"),
    ("actiontaken", "text", "ActionTaken"),
    ("owner", "text", "Owner"),
    ("requesttype", "text", "RequestType"),
    ("status", "text", "Status"),
    ("requestsource", "text", "RequestSource"),
    ("mobileos", "text", "MobileOS"),
    ("anonymous", "text", "Anonymous"),
    ("assignto", "text", "AssignTo"),
    ("servicedate", "calendar_date", "ServiceDate"),
    ("closeddate", "calendar_date", "ClosedDate"),
    ("addressverified", "text", "AddressVerified"),
    ("approximateaddress", "text", "ApproximateAddress"),
    ("address", "text", "Address"),
    ("housenumber", "number", "HouseNumber"),
    ("direction", "text", "Direction"),
    ("streetname", "text", "StreetName"),
    ("suffix", "text", "Suffix"),
    ("zipcode", "text", "ZipCode"),
    ("latitude", "number", "Latitude"),
    ("longitude", "number", "Longitude"),
    ("location", "point", "Location"),
    ("tbmpage", "number", "TBMPage"),
    ("tbmcolumn", "text", "TBMColumn"),
    ("tbmrow", "number", "TBMRow"),
    ("apc", "text", "APC"),
    ("cd", "number", "CD"),
    ("cdmember", "text", "CDMember"),
    ("nc", "number", "NC"),
    ("ncname", "text", "NCName"),
    ("policeprecinct", "text", "PolicePrecinct"),
)

_REQUESTS = (
    ("BOS", "Bulky Items", "NC"),
    ("BOS", "Metal/Household Appliances", "SLA"),
    ("BOS", "Electronic Waste", "EV"),
    ("BOS", "Illegal Dumping Pickup", "WVA"),
    ("BOS", "Homeless Encampment", "HBT"),
    ("OCB", "Graffiti Removal", "NEGB_ELA"),
    ("BSL", "Single Streetlight Issue", "BSL_C"),
    ("BSL", "Multiple Streetlight Issue", "BSL_V"),
    ("LADBS", "Report Water Waste", "WW"),
    ("RAP", "Dead Animal Removal", "DAR"),
)
_SOURCES = (
    ("Mobile App", "Android"),
    ("Mobile App", "iOS"),
    ("Self Service", None),
    ("Call", None),
    ("Driver Self Report", None),
)
_STREETS = (
    "BERENDO ST", "MESA AVE", "HILLCREST DR", "EL CAJON ST", "RESEDA BLVD", "NOLDEN ST",
    "PARTHENIA ST", "SEPULVEDA BLVD", "VERMONT AVE", "FIGUEROA ST", "WHITTIER BLVD", "ALVARADO ST",
    "LAUREL CANYON BLVD", "SATICOY ST", "CENTRAL AVE", "ADAMS BLVD",
)  # fmt: skip
_DISTRICTS = (
    ("Central APC", 10, "Herb J. Wesson Jr.", 55, "WILSHIRE CENTER - KOREATOWN NC", "OLYMPIC"),
    ("East Los Angeles APC", 1, "Gilbert Cedillo", 41, "HISTORIC HIGHLAND PARK NC", "NORTHEAST"),
    ("North Valley APC", 7, "Monica Rodriguez", 5, "SYLMAR NC", "MISSION"),
    ("South Los Angeles APC", 15, "Joe Buscaino", 90, "HARBOR GATEWAY NORTH NC", "SOUTHEAST"),
    ("Central APC", 13, "Mitch O'Farrell", 34, "EAST HOLLYWOOD NC", "RAMPART"),
    ("South Valley APC", 3, "Bob Blumenfield", 18, "WINNETKA NC", "WEST VALLEY"),
    ("West Los Angeles APC", 11, "Mike Bonin", 70, "DEL REY NC", "PACIFIC"),
    ("Harbor APC", 15, "Joe Buscaino", 96, "NORTHWEST SAN PEDRO NC", "HARBOR"),
)
_FIRST_DAY = date(2018, 1, 1)


def _cells(*values: object) -> str:
    return ",".join("" if v is None else f'"{v}"' for v in values)


_KINDS = [_cells("SR Created", owner, kind) for owner, kind, _ in _REQUESTS]
_ASSIGNED = [team for _, _, team in _REQUESTS]
_FROM = [_cells(source, system) for source, system in _SOURCES]
_AREAS = [_cells(*district) for district in _DISTRICTS]
_DAYS = [(_FIRST_DAY + timedelta(days=d)).isoformat() for d in range(365 + 60)]
_MINUTES = [f"{m // 60:02d}:{m % 60:02d}" for m in range(24 * 60)]
_STREET = [tuple(name.rsplit(" ", 1)) for name in _STREETS]


def la311_lines(rows: int, seed: int = 0) -> Iterator[bytes]:
    """``rows`` stored lines with the cells of ``LA311_COLUMNS``. ``srnumber`` is unique in them."""
    bits = random.Random(seed).getrandbits  # noqa: S311 - test data
    first = 870_000_000 + seed % 1000 * 10_000_000
    for n in range(rows):
        yield _line(first + n * 7 % 9_999_991 + n // 9_999_991 * 9_999_991, n, rows, bits(96))


def _line(number: int, n: int, rows: int, r: int) -> bytes:
    day = n * 365 // rows
    minute = _MINUTES[(r & 0xFFFF) % 1440]
    later = day + 1 + (r >> 16 & 31)
    updated = _MINUTES[(r >> 21 & 0xFFFF) % 1440]
    kind = (r >> 37 & 0xFF) % 10
    name, suffix = _STREET[r >> 45 & 15]
    house = 100 + (r >> 49 & 0x1FFF)
    side = "NSEW"[r >> 62 & 3]
    zipcode = 90001 + (r >> 64 & 63)
    lat, lon = 3390000000 + (r >> 40 & 0x1FFFFFF), 11820000000 + (r >> 50 & 0x1FFFFFF)
    latitude, longitude = f"{lat // 10**8}.{lat % 10**8:08d}", f"-{lon // 10**8}.{lon % 10**8:08d}"
    second = r >> 70 & 31
    where = f"{house} {side} {name} {suffix}"
    closed = r >> 75 & 7  # one in eight is still open
    done = (
        f'"{_DAYS[later]}T00:00:00.000","{_DAYS[later]}T{updated}:{second:02d}.000"'
        if closed
        else ","
    )
    return (
        f'"1-{number}","{_DAYS[day]}T{minute}:{second:02d}.000","{_DAYS[later]}T{updated}:{second + 1:02d}.000",'
        f'{_KINDS[kind]},"{"Closed" if closed else "Open"}",{_FROM[(r >> 78 & 0xFF) % 5]},'
        f'"{"NY"[r >> 86 & 1]}","{_ASSIGNED[kind]}",{done},"Y","N",'
        f'"{where}, {zipcode}","{house}","{side}","{name}","{suffix}","{zipcode}",'
        f'"{latitude}","{longitude}","POINT ({longitude} {latitude})",'
        f'"{460 + (r >> 87 & 127)}","{"ABCDEFGHJ"[(r >> 30 & 0xFF) % 9]}","{1 + (r >> 25 & 7)}",'
        f"{_AREAS[r >> 93 & 7]}"
    ).encode()
