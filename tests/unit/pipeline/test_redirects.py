"""Where an answer may lead, and which host people are told to write into their manifest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from socratasync.errors import InvalidSpec, SourceUnavailable, SyncError
from socratasync.pipeline.source.redirects import follow, is_public_name

HERE = "/resource/abcd-1234.csv"
ASKED = f"https://data.lacity.org{HERE}?$select=a"

AWAY: list[tuple[int, str | None, type[SyncError], str]] = [
    (301, f"https://data.newtown.gov{HERE}", InvalidSpec, "write data.newtown.gov in"),
    (308, f"https://DATA.newtown.gov.:8443{HERE}", InvalidSpec, "write data.newtown.gov:8443 in"),
    (308, f"https://data.newtown.gov:443{HERE}?x", InvalidSpec, "write data.newtown.gov in"),
    (302, f"https://data.newtown.gov{HERE}", SourceUnavailable, "maintenance"),
    (303, f"https://data.newtown.gov{HERE}", SourceUnavailable, "maintenance"),
    (301, "https://data.newtown.gov/down.html", SourceUnavailable, "maintenance"),
    (301, f"https://169.254.169.254{HERE}", SourceUnavailable, "not public"),
    (301, f"https://2852039166{HERE}", SourceUnavailable, "not public"),
    (301, f"https://0xa9.0xfe.0xa9.0xfe{HERE}", SourceUnavailable, "not public"),
    (301, f"https://[fd00::1]{HERE}", SourceUnavailable, "not public"),
    (301, f"https://[::ffff:169.254.169.254]{HERE}", SourceUnavailable, "not public"),
    (308, f"https://metadata.google.internal{HERE}", SourceUnavailable, "not public"),
    (301, f"https://localhost{HERE}", SourceUnavailable, "not public"),
    (301, f"https://vault{HERE}", SourceUnavailable, "not public"),
    (301, f"https://db.data.svc.cluster.local{HERE}", SourceUnavailable, "not public"),
    (301, f"https://a:b@data.newtown.gov{HERE}", SourceUnavailable, "maintenance"),
    (301, f"https://a:b@data.lacity.org{HERE}", SourceUnavailable, "maintenance"),
    (301, f"https://data.lacity.org:8443{HERE}", InvalidSpec, "write data.lacity.org:8443 in"),
    (301, f"http://data.newtown.gov{HERE}", SourceUnavailable, "maintenance"),
    (301, f"http://data.lacity.org{HERE}", SourceUnavailable, "redirects /resource"),
    (302, None, SourceUnavailable, "does not say where to go"),
    (302, "", SourceUnavailable, "does not say where to go"),
    (302, "https://[oops", SourceUnavailable, "an address that is none"),
    (302, "https://a.gov:x/", SourceUnavailable, "an address that is none"),
    (302, "https://a.gov/ b", SourceUnavailable, "an address that is none"),
    (302, "file:///etc/passwd", SourceUnavailable, "not public"),
    (301, "javascript:alert(1)", SourceUnavailable, "not public"),
]


@pytest.mark.parametrize(("status", "location", "error", "said"), AWAY)
def test_what_leads_away_is_not_followed(
    status: int, location: str | None, error: type[SyncError], said: str
) -> None:
    with pytest.raises(SyncError) as caught:
        follow(status, ASKED, location)

    assert type(caught.value) is error
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/login", "https://data.lacity.org/login"),
        ("efgh-5678.csv?$limit=1", "https://data.lacity.org/resource/efgh-5678.csv?$limit=1"),
        ("https://DATA.LACITY.ORG/a", "https://DATA.LACITY.ORG/a"),
        ("https://data.lacity.org:443/a", "https://data.lacity.org:443/a"),
        ("//data.lacity.org/a", "https://data.lacity.org/a"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_what_stays_on_the_host_is_followed(status: int, location: str, target: str) -> None:
    assert follow(status, ASKED, location) == target


@given(
    st.sampled_from([301, 302, 303, 307, 308]),
    st.one_of(
        st.text(max_size=60),
        st.from_regex(r"https?://[a-z0-9.:\[\]@%/-]{1,40}", fullmatch=True),
        st.ip_addresses().map(lambda ip: f"https://{ip}{HERE}"),
    ),
)
def test_no_location_breaks_the_judgement_or_recommends_an_address(
    status: int, location: str
) -> None:
    said = ""
    try:
        assert follow(status, ASKED, location).lower().startswith("https://data.lacity.org")
    except (InvalidSpec, SourceUnavailable) as exc:
        said = exc.message
    host = said.partition("write ")[2].partition(" in ")[0].partition(":")[0]

    assert not host or is_public_name(host)


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("data.lacity.org", True),
        ("a-b.c1.gov", True),
        ("xn--mnchen-3ya.de", True),
        ("lacity", False),
        ("10.0.0.1", False),
        ("a.b.10", False),
        ("::1", False),
        ("a..org", False),
        ("-a.org", False),
        ("a_b.org", False),
        ("a.localhost", False),
        ("db.internal", False),
        ("printer.home.arpa", False),
        ("x" * 64 + ".org", False),
        ("a." * 130 + "org", False),
        ("", False),
    ],
)
def test_a_public_name_is_a_dns_name_outside_of_private_ends(host: str, public: bool) -> None:
    assert is_public_name(host) is public
