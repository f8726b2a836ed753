"""How each interface writes the same rows: what frames JSON, which digits a geometry keeps.

SODA2 answers ``/resource``, SODA3 answers ``/api/v3/views``. Their CSV differs in the digits of
geometries only; their JSON is framed otherwise, and a location's coordinates are numbers in SODA3.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from socrata_simulator.rows.cells import GEOMETRY_TYPES

_NUMBER = re.compile(rb"-?\d+\.\d+")
_COORDINATE = re.compile(r'"(latitude|longitude)":"(-?\d+(?:\.\d+)?)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """An interface's way to write. ``decimals`` is how many a coordinate has at most; None: all it has."""

    interface: str
    opening: bytes
    between: bytes
    closing: bytes
    closing_of_none: bytes
    bare_coordinates: bool = False
    decimals: int | None = None

    def rounds(self, line: bytes) -> bool:
        """Whether a stored line may hold a coordinate with more digits than are written."""
        return self.decimals is not None and _longer(self.decimals).search(line) is not None

    def geometry(self, wkt: bytes, kind: str) -> bytes:
        """A stored cell as it is written: coordinates are rounded, other types are left as they are."""
        decimals = self.decimals
        if decimals is None or kind not in GEOMETRY_TYPES:
            return wkt
        return _NUMBER.sub(lambda found: _rounded(found[0], decimals), wkt)

    def location(self, cell: str) -> str:
        """A stored location as JSON."""
        return _COORDINATE.sub(r'"\1":\2', cell) if self.bare_coordinates else cell


@functools.cache
def _longer(decimals: int) -> re.Pattern[bytes]:
    """Finds a number with more decimals than that."""
    return re.compile(rb"\.\d{%d}" % (decimals + 1))


def _rounded(number: bytes, decimals: int) -> bytes:
    """The number with at most so many decimals, and no zero at its end that rounding put there."""
    if len(number.partition(b".")[2]) <= decimals:
        return number
    return f"{float(number):.{decimals}f}".rstrip("0").rstrip(".").encode()


SODA2 = Dialect(
    interface="SODA2", opening=b"[", between=b"\n,", closing=b"]\n", closing_of_none=b"]\n"
)
SODA3 = Dialect(
    interface="SODA3",
    opening=b"[\n",
    between=b",\n",
    closing=b"\n]\n",
    closing_of_none=b"]\n",
    bare_coordinates=True,
    decimals=12,
)
