"""The edge to everyone else: one HTTP call to a stranger, who may answer slowly, endlessly or elsewhere.

Whatever is at the other end, the call is over in time, takes little memory, and goes to the address that was
written, with the secrets that were meant for it, and to no other.
"""

from __future__ import annotations

import os
import re
import ssl
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from socratasync.contract.report import shorten
from socratasync.contract.trust import NAME_AUTHORITY
from socratasync.errors import HookFailed
from socratasync.process.redact import Redactor

ANSWER_BYTES = 8 * 1024
"""So much of an answer is read, as it comes: nothing is unpacked."""

QUOTED_CHARACTERS = 200

_PASSING = (408, 425, 429)
"""Of the statuses that blame the call, those that ask for it once more: too slow, too early, too many."""

_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """One call. ``shown`` is what messages call the address, ``written_in`` where a person can change it.
    ``headers`` may hold secrets, as may the address in all that ``shown`` leaves out."""

    method: str
    url: str
    shown: str
    written_in: str
    body: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout_s: float


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    location: str
    body: str


def send(call: HttpCall) -> None:
    """Make the call. Raises ``HookFailed`` unless a status between 200 and 299, and the answer or the first
    ``ANSWER_BYTES`` of it, come within ``timeout_s`` seconds, in which a name is looked up as well."""
    answer = _in_time(call)
    if 200 <= answer.status < 300:
        return
    sentence = f"{call.shown} answered HTTP {answer.status}"
    if 300 <= answer.status < 400:
        to = _quoted(call, _target(call.url, answer.location))
        raise HookFailed(
            f"{sentence}, a redirect{to and f' to {to}'}, which is not followed: write the final address in "
            f"{call.written_in}",
            passes=False,
        )
    said = _quoted(call, answer.body)
    passes = answer.status >= 500 or answer.status in _PASSING
    raise HookFailed(f"{sentence}: {said}" if said else sentence, passes=passes)


def without_secrets(url: str) -> str:
    """An address without user, password, query and fragment, also where it is none that can be called."""
    scheme, _, rest = url.partition("://")
    host, slash, path = re.split("[?#]", rest)[0].partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"


def _target(url: str, location: str) -> str:
    try:
        return without_secrets(urljoin(url, location)) if location else ""
    except ValueError:
        return ""


def _in_time(call: HttpCall) -> _Answer:
    """The answer, if it comes in time. No timeout of a library bounds a whole call: they count anew with
    each byte, and looking up a name has none. So a thread makes the call. One that is late is left alone: it
    holds a socket and a few KiB, and does not keep the process from ending."""
    answer: Future[_Answer] = Future()
    threading.Thread(target=_ask_for, args=(answer, call), daemon=True).start()
    try:
        return answer.result(call.timeout_s)
    except TimeoutError as exc:
        raise HookFailed(
            f"{call.shown} did not answer completely within {call.timeout_s:g} s"
        ) from exc
    except (OSError, ValueError, urllib3.exceptions.HTTPError) as exc:
        # An address may be none in many ways. The library's own text quotes all of it.
        is_untrusted = _is_untrusted(exc)
        advice = f". For an authority of your own, {NAME_AUTHORITY}" if is_untrusted else ""
        said = _quoted(call, _reason(exc))
        passes = not (is_untrusted or isinstance(exc, ValueError))
        raise HookFailed(f"calling {call.shown} failed: {said}{advice}", passes=passes) from exc


def _ask_for(answer: Future[_Answer], call: HttpCall) -> None:
    try:
        answer.set_result(_ask(call))
    except BaseException as exc:  # noqa: BLE001  # raised where the answer is waited for
        answer.set_exception(exc)


def _ask(call: HttpCall) -> _Answer:
    """No session of requests: it reads the whole body of a redirect, and a password in a netrc would take
    the place of the call's own header."""
    headers = requests.utils.default_headers()
    headers["Accept-Encoding"] = "identity"
    headers.update(call.headers)
    request = requests.Request(call.method, call.url, headers=headers, json=call.body).prepare()
    adapter = HTTPAdapter()
    with (
        closing(adapter),
        adapter.send(
            request,
            stream=True,
            timeout=2 * call.timeout_s,  # only for a thread that nobody waits for any more
            verify=next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), True),
            proxies=_proxies(call.url),
        ) as response,
    ):
        location = response.headers.get("Location", "")
        return _Answer(response.status_code, location, _beginning(response))


def _proxies(url: str) -> Mapping[str, str]:
    """HTTPS goes through the proxy that the environment names, which learns no more than the host's name.
    Plain HTTP goes to its host alone: a proxy would read the secrets in it."""
    is_private = urlsplit(url).scheme == "https"
    return requests.utils.get_environ_proxies(url, no_proxy=None) if is_private else {}


def _beginning(response: requests.Response) -> str:
    """The first text of an answer; empty if it is packed, or a page for browsers."""
    body = bytearray()
    try:
        while piece := response.raw.read(ANSWER_BYTES - len(body), decode_content=False):
            body += piece
    except (OSError, urllib3.exceptions.HTTPError):
        if response.status_code < 300:
            raise
        # Otherwise the status says enough.
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    is_packed = response.headers.get("Content-Encoding", "identity") != "identity"
    return "" if is_page or is_packed else body.decode(errors="replace")


def _is_untrusted(exc: BaseException | None) -> bool:
    """Whether it is for a certificate that nobody we trust has signed."""
    while exc is not None and not isinstance(exc, ssl.SSLCertVerificationError):
        exc = exc.__cause__ or exc.__context__
    return exc is not None


def _reason(exc: BaseException) -> str:
    """What the operating system or TLS said, if it was one of them; else the innermost error's name."""
    while cause := exc.__cause__ or exc.__context__:
        exc = cause
    if isinstance(exc, OSError) and not isinstance(exc, requests.RequestException):
        return exc.strerror or str(exc)
    return type(exc).__name__


def _quoted(call: HttpCall, text: str) -> str:
    """Words of others, short, in one line, without the secrets of the call, which some echo."""
    masked = Redactor(_secrets(call))(text)
    line = " ".join("".join(c if c.isprintable() else " " for c in masked).split())
    return shorten(line, QUOTED_CHARACTERS)


def _secrets(call: HttpCall) -> Iterator[str]:
    address, _, query = call.url.partition("?")
    yield from (query, *(value for _, value in parse_qsl(query)))
    if without_secrets(call.url) != call.shown:  # all of the address is one
        host, *path = address.split("/")[2:]
        yield from (call.url, *path, *re.split("[:@]", host.rpartition("@")[0]))
    for value in call.headers.values():
        yield from (value, *value.split()[-1:])  # some echo "Bearer x" without its first word
