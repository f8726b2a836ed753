"""Certificates for the simulator: its own authority, and a server certificate signed by it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM files: the server's certificate (chain) and key, and the authority that clients trust."""

    cert_file: Path
    key_file: Path
    ca_file: Path

    def context(self) -> ssl.SSLContext:
        """The TLS context for the server's connections."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert_file, self.key_file)
        return context


def issue(folder: Path, names: Sequence[str] = ()) -> Tls:
    """A new authority, and a certificate for this machine and ``names`` (hosts or addresses)."""
    import trustme  # imported here: it need not be installed where certificates are given

    authority = trustme.CA()
    certificate = authority.issue_cert(*dict.fromkeys([*LOCAL_NAMES, *names]))
    tls = Tls(
        cert_file=folder / "server.pem", key_file=folder / "server.key", ca_file=folder / "ca.pem"
    )
    folder.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(str(tls.ca_file))
    certificate.private_key_pem.write_to_path(str(tls.key_file))
    for number, part in enumerate(certificate.cert_chain_pems):
        part.write_to_path(str(tls.cert_file), append=number > 0)
    return tls
