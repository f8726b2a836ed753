"""What an answer that points elsewhere means: an address to ask instead, or an error. Pure.

The app token and the password go to the host that the manifest names, by HTTPS, and to no other. A host is
only recommended to people if it is a public name: whoever answers for the portal may point anywhere, also at
addresses inside the network that the run is in.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urljoin, urlsplit

from socratasync.errors import InvalidSpec, SourceUnavailable

STATUSES = frozenset({301, 302, 303, 307, 308})
FOR_GOOD = frozenset({301, 308})

MOST = 5
"""Redirects in a row; a portal needs one."""

_PRINTABLE = re.compile(r"[!-~]{1,8000}")
_PUBLIC_NAME = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_PRIVATE_ENDS = (
    ".local",
    ".localhost",
    ".localdomain",
    ".internal",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
    ".home.arpa",
    ".in-addr.arpa",
    ".test",
    ".invalid",
    ".onion",
)
"""Names that mean something only within a network (RFC 6761, RFC 6762, RFC 8375, and what people use)."""


def is_public_name(host: str) -> bool:
    """Whether it is a host name that means the same everywhere: no address in whatever notation, no name
    of an inner network."""
    return bool(_PUBLIC_NAME.fullmatch(host)) and not host.endswith(_PRIVATE_ENDS)


def follow(status: int, asked: str, location: str | None) -> str:
    """The address to ask instead of ``asked``, which is on the same host. Raises ``InvalidSpec`` for a
    domain that has moved for good, and ``SourceUnavailable`` for what else leads away, or nowhere."""
    if not location:
        raise SourceUnavailable(f"the portal answered HTTP {status}, but does not say where to go")
    if not _PRINTABLE.fullmatch(location):
        raise SourceUnavailable(f"the portal answered HTTP {status} with an address that is none")
    try:
        target, at = urljoin(asked, location), urlsplit(asked)
        to = urlsplit(target)
        same = _authority(to) == _authority(at)
    except ValueError as exc:
        raise SourceUnavailable(
            f"the portal answered HTTP {status} with an address that is none"
        ) from exc
    if not same:
        raise _elsewhere(status, at, to)
    if to.scheme != at.scheme:
        raise SourceUnavailable(f"the portal redirects {at.path} to {to.scheme[:10]}, not HTTPS")
    return target


def _authority(url: SplitResult) -> tuple[str | None, str, int | None]:
    """Who is asked. Raises ``ValueError`` for a port that is none."""
    usual = {"https": 443, "http": 80}.get(url.scheme)
    if url.scheme == "http" and url.port is None:
        usual = 443  # the same host without TLS is judged by its scheme
    return url.username, (url.hostname or "").rstrip("."), url.port or usual


def _elsewhere(status: int, at: SplitResult, to: SplitResult) -> InvalidSpec | SourceUnavailable:
    host = (to.hostname or "").rstrip(".")
    if not is_public_name(host):
        return SourceUnavailable(
            f"HTTP {status}: the portal redirects {at.path} to a host that is not public, which is not "
            "followed; a proxy or a firewall may stand between"
        )
    port = f":{to.port}" if to.port not in (None, 443) else ""
    if status in FOR_GOOD and to.scheme == "https" and to.path == at.path and not to.username:
        return InvalidSpec(f"the domain has moved: write {host}{port} in spec.domain")
    return SourceUnavailable(
        f"HTTP {status}: the portal redirects {at.path} to {host}{port}, which is not followed; it may be "
        "under maintenance, or a proxy wants a log-in"
    )
