"""Cities whose time zone is known."""

from __future__ import annotations

import tomllib
from collections import Counter
from importlib.resources import files

import pytest
from pydantic import TypeAdapter

from socratasync.api.names import Domain, portal_of
from socratasync.api.times import TimeZone
from socratasync.suggest.time_zone import time_zone_of

TABLE = tomllib.loads((files("socratasync.suggest") / "time_zones.toml").read_text())


@pytest.mark.parametrize(
    ("domain", "zone"),
    [
        ("data.lacity.org", "America/Los_Angeles"),
        ("Data.LACity.org:443", "America/Los_Angeles"),
        ("data.cityofnewyork.us", "America/New_York"),
        ("data.cdc.gov", None),
        ("example.org", None),
    ],
)
def test_a_city_that_is_known_has_its_zone(domain: str, zone: str | None) -> None:
    assert time_zone_of(domain) == zone


def test_the_table_has_zones_and_portals_each_once() -> None:
    domains = [domain for zone in TABLE.values() for domain in zone]

    assert [TypeAdapter(TimeZone).validate_python(zone) for zone in TABLE] == list(TABLE)
    assert [portal_of(TypeAdapter(Domain).validate_python(d)) for d in domains] == domains
    assert [domain for domain, times in Counter(domains).items() if times > 1] == []
