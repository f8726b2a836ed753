"""What people paste, and which datasets it means."""

from __future__ import annotations

import pytest

from socratasync.errors import InvalidSpec
from socratasync.suggest.addresses import read_domain, read_place

LA = "data.lacity.org"
ADDRESSES = [
    f"https://{LA}/City-Infrastructure-Service-Requests/MyLA311-Service-Request-Data-2024/4a4x-mna2",
    f"https://{LA}/City-Infrastructure-Service-Requests/MyLA311-2024/4a4x-mna2/about_data",
    f"https://{LA}/dataset/MyLA311-Service-Request-Data-2024/4a4x-mna2/data_preview",
    f"https://{LA}/dataset/bike-2019/4a4x-mna2",
    f"https://{LA}/d/4a4x-mna2",
    f"https://{LA}/d/4a4x-mna2/",
    f"https://{LA}/d/4a4x-mna2/visualization",
    f"https://{LA}/resource/4a4x-mna2.json",
    f"https://{LA}/resource/4a4x-mna2.csv?$limit=5&$where=a%20=%20'b'",
    f"https://{LA}/resource/4a4x-mna2",
    f"https://{LA}/api/views/4a4x-mna2/rows.csv?accessType=DOWNLOAD",
    f"https://{LA}/api/views/4a4x-mna2.json",
    f"https://{LA}/api/v3/views/4a4x-mna2/query.json",
    f"https://{LA}/api/odata/v4/4a4x-mna2",
    f"https://{LA}/w/4a4x-mna2/caer-yrtv?cur=1",
    f"https://{LA}/stories/s/4a4x-mna2",
    f"https://{LA}/d/4a4x-mna2#revert",
    f"https://{LA}:443/d/4a4x-mna2",
    f"http://{LA}/d/4a4x-mna2",
    f"HTTPS://{LA.upper()}/d/4a4x-mna2",
    f"{LA}/d/4a4x-mna2",
    f"{LA}./d/4a4x-mna2",
    f"//{LA}/d/4a4x-mna2".removeprefix("//"),
    f"<https://{LA}/d/4a4x-mna2>,",
    f"  https://{LA}/d/4a4x-mna2\n",
    f"https://ada:secret@{LA}/d/4a4x-mna2",
    f"https://{LA}/d/4a4x-mna2/Ñuñoa-東京",
    f"https://dev.socrata.com/foundry/{LA}/4a4x-mna2",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_is_a_domain_and_an_id(address: str) -> None:
    place = read_place([address])

    assert (place.domain, place.ids) == (LA, ("4a4x-mna2",))


@pytest.mark.parametrize(
    ("words", "domain", "ids"),
    [
        pytest.param([LA, "4a4x-mna2"], LA, ["4a4x-mna2"], id="domain and id"),
        pytest.param(["4a4x-mna2", LA], LA, ["4a4x-mna2"], id="the other way round"),
        pytest.param(
            [LA, "4a4x-mna2", "pvft-t768"], LA, ["4a4x-mna2", "pvft-t768"], id="several ids"
        ),
        pytest.param(
            [f"https://{LA}/d/4a4x-mna2", "pvft-t768"],
            LA,
            ["4a4x-mna2", "pvft-t768"],
            id="an address, and ids of its portal",
        ),
        pytest.param([f"{LA}/d/4a4x-mna2"] * 2, LA, ["4a4x-mna2"], id="one that is given twice"),
        pytest.param(["127.0.0.1:8443", "4a4x-mna2"], "127.0.0.1:8443", ["4a4x-mna2"], id="a port"),
    ],
)
def test_several_words_name_datasets_of_one_portal(
    words: list[str], domain: str, ids: list[str]
) -> None:
    place = read_place(words)

    assert (place.domain, list(place.ids)) == (domain, ids)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param([f"https://{LA}/browse"], "names no dataset", id="no id"),
        pytest.param([LA], "names no dataset", id="a domain alone"),
        pytest.param(["4a4x-mna2"], "Give its domain", id="an id alone"),
        pytest.param(
            [f"{LA}/d/4a4x-mna2", "data.ny.gov/d/pvft-t768"], "of 2 portals", id="two portals"
        ),
        pytest.param(["ftp://x.org/4a4x-mna2"], "begins with https", id="another scheme"),
        pytest.param(["https:///d/4a4x-mna2"], "names no portal", id="no host"),
        pytest.param(["https://a b/d/4a4x-mna2"], "names no portal", id="a blank in the host"),
        pytest.param(["https://x:y:z/d/4a4x-mna2"], "is no address", id="a port that is none"),
        pytest.param(["https://[::1/d/4a4x-mna2"], "is no address", id="half a bracket"),
        pytest.param([""], "names no portal", id="nothing"),
        pytest.param(["4A4X-MNA2", LA], "portals", id="an id in capitals"),
    ],
)
def test_what_is_no_address_is_refused_with_what_to_write(words: list[str], said: str) -> None:
    with pytest.raises(InvalidSpec, match=said):
        read_place(words)


@pytest.mark.parametrize("word", [LA, f"https://{LA}", f"https://{LA}/browse?q=x", f"{LA}/"])
def test_a_portal_is_read_from_any_address_there(word: str) -> None:
    assert read_domain(word) == LA


@pytest.mark.parametrize("word", ["", "no portal", "https://"])
def test_what_names_no_portal_is_refused(word: str) -> None:
    with pytest.raises(InvalidSpec, match="names no portal"):
        read_domain(word)


def test_no_password_of_an_address_is_told() -> None:
    with pytest.raises(InvalidSpec) as caught:
        read_place(["https://ada:secret@data.lacity.org/browse"])

    assert "secret" not in caught.value.message
