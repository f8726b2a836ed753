"""Texts that publishers word at will, as lines that terminals, YAML and databases can hold. Pure."""

from __future__ import annotations


def one_line(text: object, most: int) -> str:
    """A text as one line of at most ``most`` characters that no terminal obeys, and that has neither NUL nor half a
    character; nothing for what is no text."""
    if not isinstance(text, str):
        return ""
    plain = "".join(c for c in " ".join(text.split()) if c.isprintable())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
