"""A real control plane on the loopback, without root: etcd, API server, controllers.

Real admission, schema, CEL, RBAC, Job controller, owner references and garbage collection; no
scheduler and no node, so that a test can play the kubelet (kubelet.py) and have any outcome at once.
All of its state is files in one folder, so that any process may use, restart or stop it.
"""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cluster import processes, programs
from tests.cluster.api import Api, Refused
from tests.cluster.certificates import LOOPBACK, write_certificates
from tests.cluster.processes import NotReady, free_ports, wait_until

READY_WITHIN_S = 60

CONTROLLERS = (
    "job-controller cronjob-controller ttl-after-finished-controller garbage-collector-controller "
    "namespace-controller serviceaccount-controller serviceaccount-token-controller "
    "root-ca-certificate-publisher-controller clusterrole-aggregation-controller "
    "deployment-controller replicaset-controller"
).split()
"""Those that act on what a SocrataSync and its installation consist of.

Not the node life cycle: a test that plays the kubelet sends no heartbeats.
"""


SERVICES, SERVICES_IPV6 = "10.96.0.0/24", "fd00:96::/112"
NODE_PARTIES = ("node", "scheduler", "proxy")


class CommandFailed(AssertionError):
    """A command line refused; the message is what it printed."""


class ControlPlane:
    """One control plane; ``ControlPlane.start`` makes it, ``ControlPlane(folder)`` joins it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = folder / "pki"
        self.kubeconfig = folder / "admin.kubeconfig"
        kept = json.loads((folder / "plane.json").read_text())
        self.address: str = kept["address"]
        self._ports: dict[str, int] = kept["ports"]
        self._programs = programs.find("api")
        host = f"[{self.address}]" if ":" in self.address else self.address
        self.url = f"https://{host}:{self._ports['api']}"
        self.ca = self.pki / "ca.crt"
        self.api = Api(self.url, ca=self.ca, cert=self._certificate("admin"))

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        address: str = LOOPBACK,
        node: str = "",
        controllers: Sequence[str] = CONTROLLERS,
    ) -> ControlPlane:
        """A running control plane in ``folder``, which must not exist. Takes about five seconds.

        ``node`` names a node that is to have certificates and kubeconfigs too. Raises ``NotReady`` with the end of the logs when it does not come up.
        """
        folder.mkdir(parents=True, mode=0o700)
        write_certificates(folder / "pki", address=address, node=node)
        ports = dict(zip(("api", "etcd", "peer", "controllers"), free_ports(4), strict=True))
        (folder / "plane.json").write_text(json.dumps({"address": address, "ports": ports}))
        plane = cls(folder)
        for party in ("admin", "controllers", *(NODE_PARTIES if node else ())):
            plane._write_kubeconfig(folder / f"{party}.kubeconfig", party)
        try:
            plane._start_etcd()
            plane.start_api_server()
            plane._start_controllers(controllers)
            plane._wait_for_defaults()
        except BaseException:  # an interrupt too must leave nothing running
            plane.stop()
            raise
        return plane

    def stop(self) -> None:
        """Ends every program and removes the folder. Nothing happens when it is gone already."""
        self.api.close()
        for name in ("controllers", "apiserver", "etcd"):  # abruptly: nothing of theirs is kept
            processes.stop(name, folder=self.folder, how=signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)

    def stop_api_server(self, how: signal.Signals = signal.SIGKILL) -> None:
        """The API server crashes (or, by SIGTERM, drains for some seconds) and its port refuses."""
        processes.stop("apiserver", folder=self.folder, how=how)

    def start_api_server(self) -> None:
        """The API server comes (back) on its port; returns once it is ready."""
        processes.start("apiserver", self._api_server_command(), folder=self.folder)
        self._wait_ready("apiserver", self.api.is_ready)

    def restart_api_server(self) -> None:
        """A crash and a start on the same port: every connection and watch breaks, no object goes."""
        self.stop_api_server()
        self.start_api_server()

    def kubectl(
        self,
        *arguments: str,
        stdin: str = "",
        kubeconfig: Path | None = None,
        timeout_s: float = 60,
    ) -> str:
        """What kubectl printed. Raises ``CommandFailed`` with its errors when it refuses."""
        done = subprocess.run(
            [self._programs["kubectl"], "--kubeconfig", kubeconfig or self.kubeconfig, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode:
            raise CommandFailed(done.stderr.strip() or done.stdout.strip())
        return done.stdout

    def apply(self, *objects: Mapping[str, Any], namespace: str = "", dry_run: bool = False) -> str:
        """``kubectl apply`` of objects, as a user would; ``dry_run`` asks the server only."""
        text = "\n---\n".join(json.dumps(obj) for obj in objects)
        where = ("--namespace", namespace) if namespace else ()
        return self.kubectl(
            "apply", *where, *(("--dry-run=server",) if dry_run else ()), "-f", "-", stdin=text
        )

    def kubeconfig_for(self, service_account: str, *, namespace: str, url: str = "") -> Path:
        """A kubeconfig that holds a token of that ServiceAccount: exactly its rights, no more.

        ``url`` names another way to the API server, such as a wiretap.
        """
        file = self.folder / f"{namespace}.{service_account}.{len(url)}.kubeconfig"
        user = {"token": self.token_for(service_account, namespace=namespace)}
        self._write_kubeconfig(file, user, url=url, namespace=namespace)
        return file

    def token_for(self, service_account: str, *, namespace: str) -> str:
        """A token of that ServiceAccount, good for two hours."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{service_account}/token"
        request = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}
        answer = self.api.call("POST", path, {**request, "spec": {"expirationSeconds": 7200}})
        return str(answer["status"]["token"])

    def api_as(self, service_account: str, *, namespace: str) -> Api:
        """The API with the rights of that ServiceAccount."""
        return Api(self.url, ca=self.ca, token=self.token_for(service_account, namespace=namespace))

    def _start_etcd(self) -> None:
        client = f"http://{LOOPBACK}:{self._ports['etcd']}"
        peer = f"http://{LOOPBACK}:{self._ports['peer']}"
        command: list[str | Path] = [self._programs["etcd"], "--data-dir", self.folder / "etcd"]
        command += ["--unsafe-no-fsync"]  # what is lost with the machine's power is a test's
        command += [f"--listen-client-urls={client}", f"--advertise-client-urls={client}"]
        command += [f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"]
        command += [f"--initial-cluster=default={peer}", "--log-level=warn"]
        processes.start("etcd", command, folder=self.folder)

    def _api_server_command(self) -> list[str | Path]:
        pki = self.pki
        return [
            self._programs["kube-apiserver"],
            f"--etcd-servers=http://{LOOPBACK}:{self._ports['etcd']}",
            f"--bind-address={self.address}",
            f"--advertise-address={self.address}",
            f"--secure-port={self._ports['api']}",
            f"--service-cluster-ip-range={SERVICES_IPV6 if ':' in self.address else SERVICES}",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--client-ca-file={self.ca}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={pki / 'sa.key'}",
            f"--service-account-signing-key-file={pki / 'sa.key'}",
            "--authorization-mode=Node,RBAC",
            # Jobs' owner references must be allowed on clusters that enforce this, such as OpenShift.
            "--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement",
            f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
            f"--kubelet-client-key={pki / 'kubelet-client.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--shutdown-delay-duration=0s",
        ]

    def _start_controllers(self, controllers: Sequence[str]) -> None:
        kubeconfig = self.folder / "controllers.kubeconfig"
        command: list[str | Path] = [self._programs["kube-controller-manager"]]
        command += [f"--kubeconfig={kubeconfig}", f"--controllers={','.join(controllers)}"]
        command += [f"--authentication-kubeconfig={kubeconfig}"]
        command += [f"--authorization-kubeconfig={kubeconfig}"]
        command += [f"--service-account-private-key-file={self.pki / 'sa.key'}"]
        command += [f"--root-ca-file={self.ca}", "--use-service-account-credentials=true"]
        command += ["--leader-elect=false", f"--bind-address={LOOPBACK}"]
        command += [f"--secure-port={self._ports['controllers']}"]
        # The defaults are for big clusters; a test that makes fifty Jobs should not queue.
        command += ["--kube-api-qps=200", "--kube-api-burst=400", "--concurrent-job-syncs=10"]
        processes.start("controllers", command, folder=self.folder)

    def _wait_for_defaults(self) -> None:
        """A namespace is of use only once its ServiceAccount is there, so the controllers are up."""
        wait = lambda: self.api.find("ServiceAccount", "default", namespace="default")  # noqa: E731
        self._wait_ready("controllers", wait)

    def _wait_ready(self, name: str, ready: Any) -> None:
        def settled() -> object:
            if not processes.is_running(name, folder=self.folder):
                raise NotReady(f"{name} ended: {processes.last_words(name, folder=self.folder)}")
            try:
                return ready()
            except Refused:  # such as 403 while the API server still writes its default roles
                return None

        try:
            wait_until(settled, timeout_s=READY_WITHIN_S, what=name)
        except NotReady as exc:
            raise NotReady(
                f"{exc}\n{processes.last_words('apiserver', folder=self.folder)}"
            ) from None

    def _certificate(self, party: str) -> tuple[Path, Path]:
        return self.pki / f"{party}.crt", self.pki / f"{party}.key"

    def _write_kubeconfig(
        self, file: Path, who: str | Mapping[str, str], *, url: str = "", namespace: str = "default"
    ) -> None:
        if isinstance(who, str):
            certificate, key = self._certificate(who)
            who = {"client-certificate": str(certificate), "client-key": str(key)}
        cluster = {"server": url or self.url, "certificate-authority": str(self.ca)}
        context = {"cluster": "c", "user": "u", "namespace": namespace}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": who}],
            "contexts": [{"name": "c", "context": context}],
            "current-context": "c",
        }
        file.write_text(json.dumps(config))
        file.chmod(0o600)
