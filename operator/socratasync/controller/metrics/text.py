"""Prometheus' text format, written as it is sent. Pure.

Ten thousand resources have a quarter of a million series; as objects of a client library they would
take more memory for a moment than the operator does all day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LINES_AT_ONCE = 2000
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Series of one name. Each sample: what follows the name (``_bucket`` of a histogram), the values
    of ``labels``, and its number; a sample may have fewer labels' values than there are labels."""

    name: str
    kind: str
    text: str
    labels: tuple[str, ...]
    samples: Iterable[tuple[str, tuple[str, ...], float]]


def write(families: Iterable[Family]) -> Iterator[bytes]:
    """The families as text, some thousand lines at a time."""
    lines = (line for family in families for line in _lines(family))
    while chunk := "".join(islice(lines, _LINES_AT_ONCE)):
        yield chunk.encode()


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.text}\n# TYPE {family.name} {family.kind}\n"
    for suffix, values, number in family.samples:
        pairs = sorted(zip(family.labels, values, strict=False))
        told = ",".join(f'{label}="{value.translate(_ESCAPED)}"' for label, value in pairs)
        where = f"{{{told}}}" if told else ""
        yield f"{family.name}{suffix}{where} {number}\n"
