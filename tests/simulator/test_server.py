"""The server itself: TLS, many at once, and an end that leaves nothing behind."""

from __future__ import annotations

import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from socrata_simulator.http.certificates import issue
from socrata_simulator.http.server import Server, serve
from socrata_simulator.portal.dataset import Dataset
from socrata_simulator.portal.faults import Fault
from socrata_simulator.portal.portal import Portal

PAGE = {
    "$select": "srnumber,:updated_at,:id",
    "$order": ":id",
    "$limit": "100",
}


@pytest.fixture(name="many", autouse=True)
def _many(portal: Portal) -> Dataset:
    return portal.add_synthetic("many-0001", 250)


def get(server: Server, path: str = "/resource/many-0001.csv", **more: Any) -> requests.Response:
    return requests.get(f"https://{server.domain}{path}", timeout=20, verify=server.ca_file, **more)


def test_a_client_that_trusts_another_authority_is_not_served(
    portal: Portal, tmp_path: Path
) -> None:
    stranger = issue(tmp_path)
    with serve(portal) as server:
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"https://{server.domain}/", timeout=20, verify=str(stranger.ca_file))
        assert get(server).status_code == 200


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "data.example.org"])
def test_the_certificate_is_for_this_machine_and_the_names_given(portal: Portal, name: str) -> None:
    with serve(portal, names=["data.example.org"]) as server:
        context = ssl.create_default_context(cafile=server.ca_file)
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=20) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            assert secured.version()


def test_certificates_can_be_given(portal: Portal, tmp_path: Path) -> None:
    tls = issue(tmp_path, ["data.example.org"])
    with serve(portal, tls=tls) as server:
        assert server.ca_file == str(tmp_path / "ca.pem")
        assert get(server).status_code == 200
    assert (tmp_path / "server.key").exists()


def test_a_client_that_says_nothing_keeps_nobody_waiting(portal: Portal) -> None:
    with serve(portal) as server, socket.create_connection(("127.0.0.1", server.port), timeout=20):
        assert get(server).status_code == 200


def test_many_clients_are_served_at_once(portal: Portal, many: Dataset) -> None:
    everybody = threading.Barrier(5, timeout=20)
    portal.faults.add(Fault.doing(everybody.wait), times=5)
    with serve(portal) as server, ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: get(server).status_code, range(5)))

    assert answers == [200] * 5


def test_a_connection_is_used_again(portal: Portal) -> None:
    with serve(portal) as server, requests.Session() as session:
        ports = set()
        for _ in range(3):
            answer = session.get(
                f"https://{server.domain}/resource/many-0001.csv",
                verify=server.ca_file,
                stream=True,
                timeout=20,
            )
            connection: Any = answer.raw.connection  # urllib3 tells of no socket
            ports.add(connection.sock.getsockname()[1])
            assert answer.content
    assert len(ports) == 1


def test_the_end_does_not_wait_for_clients_that_stay(portal: Portal) -> None:
    portal.faults.add(Fault.slow_drip(piece=1, seconds=60), on="rows")
    with requests.Session() as session:
        with serve(portal) as server:
            session.get(
                f"https://{server.domain}/api/views/many-0001.json",
                verify=server.ca_file,
                timeout=20,
            )
            slow = session.get(
                f"https://{server.domain}/resource/many-0001.csv",
                verify=server.ca_file,
                stream=True,
                timeout=20,
            )
            idle = socket.create_connection(("127.0.0.1", server.port), timeout=20)
            folder = Path(server.ca_file).parent
        slow.close()
        idle.close()

    assert not folder.exists()
    assert not [t for t in threading.enumerate() if "process_request" in t.name]


def test_a_warmed_page_is_the_page_that_a_client_gets(portal: Portal, many: Dataset) -> None:
    with serve(portal) as cold:
        expected = get(cold, params=PAGE).content
    with serve(portal, gzip_level=6) as warm:
        size = warm.warm("many-0001", page_size=100, select=PAGE["$select"])
        assert get(warm, params=PAGE).content == expected
        last = {**PAGE, "$where": f":id > '{many.ids()[-1]}'"}
        assert get(warm, params=last).text == '"srnumber",":updated_at",":id"\n'

    assert 0 < size < len(expected) * 5


def test_a_warmed_page_of_soda3_is_the_page_however_it_is_asked_for(
    portal: Portal, many: Dataset
) -> None:
    many.ids_differ = True
    path, page = "/api/v3/views/many-0001/query.csv", {"includeSynthetic": False}
    plain = {**page, "query": "SELECT srnumber,:updated_at,:id ORDER BY :id LIMIT 100"}
    query = "SELECT `srnumber`, `:updated_at`, `:id` WHERE {}\nORDER BY `:id` -- all\nLIMIT 100"

    def post(server: Server, body: dict[str, object]) -> bytes:
        url = f"https://{server.domain}{path}"
        return requests.post(url, json=body, timeout=20, verify=server.ca_file).content

    with serve(portal) as cold:
        first = post(cold, plain)
        after = f"`:id` > '{first.decode().splitlines()[-1].rsplit(chr(34), 2)[1]}'"
        second = post(cold, {**page, "query": query.format(after)})
    with serve(portal) as warm:
        warm.warm("many-0001", page_size=100, select=PAGE["$select"], interface="SODA3")
        kept = warm.pages.size
        assert post(warm, plain) == first
        assert post(warm, {**page, "query": query.format(f"({after})")}) == second
        assert warm.pages.size == kept > 0

    assert (first.count(b"\n"), second.count(b"\n")) == (101, 101)
    assert first != second


def test_pages_of_one_interface_are_not_the_others(portal: Portal, many: Dataset) -> None:
    many.ids_differ = True
    query = {"query": "SELECT srnumber,:updated_at,:id ORDER BY :id LIMIT 100"}
    with serve(portal) as server:
        server.warm("many-0001", page_size=100, select=PAGE["$select"])
        answer = get(server, "/api/v3/views/many-0001/query.csv", params=query)

    assert many.ids()[0] not in answer.text


def test_a_kept_page_is_forgotten_when_the_data_changes(portal: Portal, many: Dataset) -> None:
    with serve(portal) as server:
        server.warm("many-0001", page_size=100, select=PAGE["$select"])
        many.update(many.ids()[0], srnumber="changed")
        assert '"changed"' in get(server, params=PAGE).text


def test_a_dataset_in_the_place_of_another_shows_none_of_its_pages(portal: Portal) -> None:
    with serve(portal) as server:
        before = get(server, params=PAGE)
        portal.add_synthetic("many-0001", 250, seed=8)
        after = get(server, params=PAGE)

    assert before.text != after.text
    assert before.headers["ETag"] != after.headers["ETag"]


def test_a_page_that_a_fault_made_short_is_not_kept_for_others(portal: Portal) -> None:
    portal.faults.add(Fault.short_page(3))
    with serve(portal) as server:
        assert [get(server, params=PAGE).text.count("\n") for _ in range(2)] == [4, 101]


def test_bytes_that_are_no_utf8_are_served_in_csv_and_replaced_in_json(portal: Portal) -> None:
    portal.add_dataset("byte-0001", [("name", "text")], [{"name": "a\udcff"}, {"name": "b\x00"}])
    with serve(portal) as server:
        order = {"$select": "name", "$order": ":id"}
        table = get(server, "/resource/byte-0001.csv", params=order).content
        objects = get(server, "/resource/byte-0001.json", params=order).json()

    assert table == b'"name"\n"a\xff"\n"b\x00"\n'
    assert objects == [{"name": "a?"}, {"name": "b\x00"}]
