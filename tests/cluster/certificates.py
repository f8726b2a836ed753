"""The certificates of a control plane: one authority, and a file per party.

The authority carries keyUsage with keyCertSign, which trustme sets and Python 3.13 demands.
"""

from __future__ import annotations

from pathlib import Path

import trustme

ADMINISTRATORS = "system:masters"
LOOPBACK = "127.0.0.1"
IN_CLUSTER = ("10.96.0.1", "fd00:96::1", "kubernetes.default.svc")


def write_certificates(folder: Path, *, address: str = LOOPBACK, node: str = "") -> None:
    """Writes ca.crt, and NAME.crt with NAME.key for every party and for the token signer (sa).

    ``address`` is where servers listen; ``node`` names the node whose programs also get theirs.
    """
    folder.mkdir(parents=True)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.crt")
    here = (LOOPBACK, "localhost", address)
    _write(authority, folder, "apiserver", "kube-apiserver", serves=(*here, *IN_CLUSTER))
    _write(authority, folder, "admin", "admin", group=ADMINISTRATORS)
    _write(authority, folder, "controllers", "system:kube-controller-manager")
    _write(authority, folder, "kubelet-client", "kube-apiserver-kubelet", group=ADMINISTRATORS)
    _write(authority, folder, "kubelet", "kubelet", serves=here)
    _write(authority, folder, "wiretap", "wiretap", serves=here)
    _write(authority, folder, "sa", "service-account-issuer")
    if node:
        _write(authority, folder, "node", f"system:node:{node}", group="system:nodes")
        _write(authority, folder, "scheduler", "system:kube-scheduler")
        _write(authority, folder, "proxy", "system:kube-proxy")


def _write(
    authority: trustme.CA,
    folder: Path,
    party: str,
    name: str,
    *,
    group: str | None = None,
    serves: tuple[str, ...] = (),
) -> None:
    identities = tuple(dict.fromkeys(serves)) or (
        f"{party}.invalid",
    )  # trustme wants a subject alternative name
    leaf = authority.issue_cert(*identities, common_name=name, organization_name=group)
    leaf.private_key_pem.write_to_path(folder / f"{party}.key")
    (folder / f"{party}.key").chmod(0o600)
    (folder / f"{party}.crt").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
