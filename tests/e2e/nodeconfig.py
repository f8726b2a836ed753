"""What the node's programs are told: configuration files and flags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CGROUP = "socratasync-e2e"

_CONTAINERD = """\
version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
[grpc]
  address = "{folder}/run/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
"""


def write_containerd(folder: Path, *, pause: str) -> Path:
    """containerd's configuration and the pods' network; the path of the former."""
    addresses = {
        "type": "host-local",
        "dataDir": str(folder / "addresses"),
        "ranges": [[{"subnet": "10.244.0.0/24"}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True}
    network = {"cniVersion": "0.4.0", "name": "pods", "plugins": [{**bridge, "ipam": addresses}]}
    (folder / "cni" / "10-pods.conflist").write_text(json.dumps(network))
    file = folder / "containerd.toml"
    file.write_text(_CONTAINERD.format(folder=folder, pause=pause))
    return file


def flags(program: str, folder: Path, *, node: str, address: str) -> list[str]:
    """The flags of kubelet, scheduler or proxy, whose configuration file is written on the way."""
    plane = folder / "plane"
    if program == "scheduler":
        kubeconfig = plane / "scheduler.kubeconfig"
        named = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
        both = [f"--{name}={kubeconfig}" for name in named]
        return [*both, "--leader-elect=false", "--bind-address=127.0.0.1"]
    if program == "proxy":
        return [f"--config={_write(folder / 'proxy.json', _proxy(plane, node))}"]
    return [
        f"--config={_write(folder / 'kubelet.json', _kubelet(folder, address))}",
        f"--kubeconfig={plane / 'node.kubeconfig'}",
        f"--hostname-override={node}",
        f"--node-ip={address}",
        f"--root-dir={folder / 'kubelet'}",
        f"--cert-dir={folder / 'kubelet'}",
    ]


def _kubelet(folder: Path, address: str) -> Mapping[str, Any]:
    pki = folder / "plane" / "pki"
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": False},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "AlwaysAllow"},
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "address": address,  # or logs answer "connection refused"
        "containerRuntimeEndpoint": f"unix://{folder}/run/containerd.sock",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{CGROUP}",
        "cgroupsPerQOS": True,
        "enforceNodeAllocatable": [],
        "failSwapOn": False,
        "staticPodPath": "",
        "resolvConf": "",
        "clusterDNS": ["10.96.0.10"],
        "localStorageCapacityIsolation": False,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
        },
        "imageGCHighThresholdPercent": 100,  # an image loaded by hand cannot be pulled again
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "4s",
    }


def _proxy(plane: Path, node: str) -> Mapping[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": "0.0.0.0",
        "clusterCIDR": "10.244.0.0/24",
        "mode": "nftables",
        "hostnameOverride": node,
        "clientConnection": {"kubeconfig": str(plane / "proxy.kubeconfig")},
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
    }


def _write(file: Path, config: Mapping[str, Any]) -> Path:
    file.write_text(json.dumps(config))
    return file
