"""Row identifiers in Socrata's form: an encrypted number, such as ``row-qj7s_fjjw-ckwc``.

They are 64 bits: twelve letters of five bits, and between each four of them a separator of two bits.
The server orders rows by the number before encryption. The order of the strings means nothing, so a
client that compares strings loses rows. Every dataset has a key of its own.
"""

from __future__ import annotations

import re

ALPHABET = "23456789abcdefghijkmnpqrstuvwxyz"
SEPARATORS = "-._~"
ROW, VERSION = "row-", "rv-"

_MASK = 2**64 - 1
# Odd, because only odd numbers have an inverse modulo 2**64.
_FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
_FIRST_INVERSE, _SECOND_INVERSE = pow(_FIRST, -1, 2**64), pow(_SECOND, -1, 2**64)
_PAIRS = [a + b for a in ALPHABET for b in ALPHABET]
_DIGITS = {letter: digit for digit, letter in enumerate(ALPHABET)}
_QUAD = f"[{ALPHABET}]{{4}}"
_SHAPE = re.compile(f"({_QUAD})([-._~])({_QUAD})([-._~])({_QUAD})")


def encode(number: int, key: int, prefix: str = ROW) -> str:
    """The identifier of row (or version) ``number`` in the dataset with ``key``."""
    x = ((number ^ key) * _FIRST) & _MASK
    x ^= x >> 32
    x = (x * _SECOND) & _MASK
    x ^= x >> 32
    p = _PAIRS
    return (
        f"{prefix}{p[x >> 54]}{p[x >> 44 & 1023]}{SEPARATORS[x >> 42 & 3]}"
        f"{p[x >> 32 & 1023]}{p[x >> 22 & 1023]}{SEPARATORS[x >> 20 & 3]}"
        f"{p[x >> 10 & 1023]}{p[x & 1023]}"
    )


def decode(text: str, key: int, prefix: str = ROW) -> int | None:
    """The number in an identifier; None if it is not one."""
    parts = _SHAPE.fullmatch(text.removeprefix(prefix)) if text.startswith(prefix) else None
    if parts is None:
        return None
    first, one, second, two, third = parts.groups()
    x = _quad(first) << 44 | SEPARATORS.index(one) << 42
    x |= _quad(second) << 22 | SEPARATORS.index(two) << 20 | _quad(third)
    x ^= x >> 32
    x = (x * _SECOND_INVERSE) & _MASK
    x ^= x >> 32
    return ((x * _FIRST_INVERSE) & _MASK) ^ key


def _quad(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number << 5 | _DIGITS[letter]
    return number
