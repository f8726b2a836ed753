"""A call to a stranger is over in time, takes little memory, and goes where it was meant to go."""

from __future__ import annotations

import gzip
import ssl
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from tests.strangers import (
    PATIENCE_S,
    Script,
    Stranger,
    answer,
    drips,
    pours,
    says,
    stranger,
)

from socratasync.errors import HookFailed
from socratasync.notify.http_call import HttpCall, send, without_secrets

SECRET = "s3cret-of-the-hook"
OK = says(answer(200))
SOON = 0.1


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    for name in (*proxies, *map(str.upper, proxies), *bundles):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def other() -> Iterator[Stranger]:
    """Somebody whom nothing is meant for."""
    with stranger(says(answer(407))) as known:
        yield known


def call(url: str, *, timeout_s: float = PATIENCE_S) -> HttpCall:
    return HttpCall(
        method="POST",
        url=url,
        shown=without_secrets(url),
        written_in="hooks[0].url",
        body={"run": "la-311"},
        headers={"Authorization": f"Bearer {SECRET}"},
        timeout_s=timeout_s,
    )


def failure(script: Script, path: str = "/", *, timeout_s: float = PATIENCE_S) -> str:
    """What is said of a call to such a server, but for its address."""
    with stranger(script) as known, pytest.raises(HookFailed) as caught:
        send(call(known.url + path, timeout_s=timeout_s))
    return caught.value.message.replace(known.url, "URL")


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_a_call_is_heard_once_with_its_header_and_its_body(status: int) -> None:
    with stranger(says(answer(status))) as known:
        send(call(f"{known.url}/reset?key=k3y"))

    (heard,) = known.heard
    assert heard.startswith("POST /reset?key=k3y HTTP/1.1")
    assert f"Authorization: Bearer {SECRET}" in heard
    assert heard.endswith('{"run": "la-311"}')


def test_an_authority_of_ones_own_is_asked_for_and_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(bundle)

    with stranger(OK, tls=tls) as known:
        url = known.url.replace("http:", "https:")
        with pytest.raises(HookFailed, match=r"SSL_CERT_FILE: of a sync in spec\.job\.podTemplate"):
            send(call(url))
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        send(call(url))

    assert "spec.job" not in failure(says(answer(500))), "only of a certificate"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_not_followed_and_fails(status: int, other: Stranger) -> None:
    to = f"http://me:pw@127.0.0.1:{other.port}/login#token=t0ken?token=t0ken"

    said = failure(says(answer(status, Location=to)), "/reset")

    assert said == (
        f"URL/reset answered HTTP {status}, a redirect to http://127.0.0.1:{other.port}/login, "
        "which is not followed: write the final address in hooks[0].url"
    )
    assert other.heard == []


@pytest.mark.parametrize(
    ("location", "to"),
    [({}, ""), ({"Location": "//[bad"}, ""), ({"Location": "/reset/"}, " to URL/reset/")],
)
def test_a_redirect_to_somewhere_odd_fails_as_well(location: dict[str, str], to: str) -> None:
    said = failure(says(answer(302, b"", **location)), "/reset")

    assert f"answered HTTP 302, a redirect{to}, which" in said


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n"
TOO_SLOW = {
    "nothing": drips(b"", b""),
    "nothing but 100 Continue": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "headers drip": drips(HEAD + b"X-Long: ", b"x"),
    "the body drips": drips(HEAD + b"\r\n", b"x"),
    "the body of an error drips": drips(HEAD.replace(b"200", b"500") + b"\r\n", b"x"),
}


@pytest.mark.parametrize("script", TOO_SLOW.values(), ids=TOO_SLOW)
def test_the_whole_call_has_one_deadline(script: Script) -> None:
    assert failure(script, timeout_s=SOON) == f"URL/ did not answer completely within {SOON} s"


def test_a_call_that_is_late_may_be_answered_in_time_once_more() -> None:
    with stranger(drips(b"", b"")) as known, pytest.raises(HookFailed) as caught:
        send(call(known.url, timeout_s=SOON))

    assert caught.value.passes


def test_a_certificate_of_nobody_known_is_trusted_no_more_the_next_time() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)

    with stranger(OK, tls=tls) as known, pytest.raises(HookFailed) as caught:
        send(call(known.url.replace("http:", "https:")))

    assert not caught.value.passes


@pytest.mark.parametrize("drop", [b"", b"\0"], ids=["is silent", "drips"])
def test_the_deadline_is_that_of_a_tls_handshake_as_well(drop: bytes) -> None:
    script = drips(b"\x16\x03\x03\x40\x00" if drop else b"", drop)
    with (
        stranger(script, listens=False) as known,
        pytest.raises(HookFailed, match=r"within 0\.1 s$"),
    ):
        send(call(f"https://127.0.0.1:{known.port}/", timeout_s=SOON))


BOMB = gzip.compress(bytes(16 << 20), 1)
TOO_LONG = {
    "endless": (pours(b"HTTP/1.1 200 OK\r\n\r\n"), None),
    "endless and an error": (pours(b"HTTP/1.1 500 Oh\r\n\r\n"), "HTTP 500"),
    "endless and a redirect": (pours(b"HTTP/1.1 302 Oh\r\nLocation: /x\r\n\r\n"), "HTTP 302"),
    "packed": (says(answer(200, BOMB, Content_Encoding="gzip")), None),
    "packed and an error": (says(answer(500, BOMB, Content_Encoding="gzip")), "HTTP 500$"),
}


@pytest.mark.parametrize(("script", "said"), TOO_LONG.values(), ids=TOO_LONG)
def test_little_of_a_long_answer_is_read(script: Script, said: str | None) -> None:
    with stranger(script) as known:
        tracemalloc.start()
        try:
            if said:
                with pytest.raises(HookFailed, match=said):
                    send(call(known.url))
            else:
                send(call(known.url))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 2 << 20


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        (b'{"error": "no such cache"}', "application/json", ': {"error": "no such cache"}'),
        (b"", "text/plain", ""),
        (b"<html>Bad Gateway</html>", "text/html; charset=utf-8", ""),
        (b"Cannot POST /reset?key=k3y-k3y", "text/plain", ": Cannot POST /reset?***"),
        (b"no key 'k3y-k3y'", "text/plain", ": no key '***'"),
        (f"Bearer {SECRET} is wrong".encode(), "text/plain", ": *** is wrong"),
        (f"token {SECRET} is wrong".encode(), "text/plain", ": token *** is wrong"),
        ("\x1b[31mred\x07\r\n\x00line \u202eend".encode(), "", ": [31mred line end"),
        (b"\xff\xfe", "", ": ��"),
        (b"x" * 5000, "text/plain", f": {'x' * 199}…"),
    ],
)
def test_an_error_is_quoted_short_clean_and_without_secrets(
    body: bytes, kind: str, said: str
) -> None:
    reply = answer(500, body, Content_Type=kind)

    assert failure(says(reply), "/reset?key=k3y-k3y") == f"URL/reset answered HTTP 500{said}"


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"", "Remote end closed connection without response"),
        (b"220 mail.example ESMTP\r\n", "BadStatusLine"),
        (HEAD + b"\r\ncut", "IncompleteRead"),
    ],
)
def test_an_answer_that_is_none_is_told(reply: bytes, said: str) -> None:
    assert failure(says(reply), "/reset?key=k3y") == f"calling URL/reset failed: {said}"


def test_the_status_is_told_of_an_error_whose_body_breaks_off() -> None:
    cut = HEAD.replace(b"200", b"503") + b"\r\nbusy"

    assert failure(says(cut)) == "URL/ answered HTTP 503: busy"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/a?k=s", "calling http://127.0.0.1:1/a failed: Connection refused"),
        ("http://[bad/a?k=s", "calling http://[bad/a failed: LocationParseError"),
        (f"http://{'a' * 70}.example/?k=s", "failed: UnicodeError"),
    ],
)
def test_an_address_that_cannot_be_called_is_told(url: str, said: str) -> None:
    with pytest.raises(HookFailed) as caught:
        send(call(url))

    assert said in caught.value.message
    assert "k=s" not in caught.value.message


def test_a_bundle_of_authorities_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")

    with pytest.raises(HookFailed, match=r"failed: .*/nowhere/ca\.pem"):
        send(call("https://127.0.0.1:1/"))


def test_a_netrc_puts_no_password_in_place_of_the_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password p4ss\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))

    with stranger(OK) as known:
        send(call(known.url))

    assert f"Authorization: Bearer {SECRET}" in known.heard[0]
    assert "Basic" not in known.heard[0]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
def test_plain_http_goes_around_the_proxy(
    variable: str, monkeypatch: pytest.MonkeyPatch, other: Stranger
) -> None:
    monkeypatch.setenv(variable, other.url)

    with stranger(OK) as known:
        send(call(known.url))

    assert len(known.heard) == 1
    assert other.heard == []


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
def test_a_proxy_of_https_hears_no_more_than_the_host(
    variable: str, monkeypatch: pytest.MonkeyPatch, other: Stranger
) -> None:
    monkeypatch.setenv(variable, other.url)

    with pytest.raises(HookFailed, match="407"):
        send(call("https://hook.test/reset?key=k3y"))

    (heard,) = other.heard
    assert heard.startswith("CONNECT hook.test:443 ")
    assert SECRET not in heard
    assert "k3y" not in heard


def test_no_proxy_holds_for_calls_too(monkeypatch: pytest.MonkeyPatch, other: Stranger) -> None:
    monkeypatch.setenv("HTTPS_PROXY", other.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    with pytest.raises(HookFailed, match="Connection refused"):
        send(call("https://127.0.0.1:1/"))

    assert other.heard == []
