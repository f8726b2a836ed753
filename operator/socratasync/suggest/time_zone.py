"""In which time zone a portal's times without a zone are: a table of cities that are known. Pure, but for the file."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files

from socratasync.api.names import portal_of


def time_zone_of(domain: str) -> str | None:
    """The IANA time zone of the portal's place; None for one that the table lacks."""
    return _zones().get(portal_of(domain))


@cache
def _zones() -> dict[str, str]:
    text = files("socratasync.suggest").joinpath("time_zones.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return {domain: zone for zone, domains in table.items() for domain in domains}
