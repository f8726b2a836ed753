#!/usr/bin/env bash
# What `make e2e` needs from the machine: root on Linux and Debian's container tools, or a cluster.
# Installs what is missing where it may, and says what is missing where it may not.
set -euo pipefail
fail() { printf 'make e2e: %s\n' "$*" >&2; exit 1; }

[ -z "${KUBECONFIG:-}" ] || exit 0  # a cluster was given; nothing runs here but clients and servers
[ "$(uname -s)" = Linux ] || fail "starts a Kubernetes node, which needs Linux; or set KUBECONFIG to a cluster (see tests/e2e/cluster.py)"
[ "$(id -u)" = 0 ] || fail "starts a Kubernetes node, which needs root: run it as root, or set KUBECONFIG to a cluster (see tests/e2e/cluster.py)"

declare -A package=(
  [containerd]=containerd [runc]=runc [nft]=nftables [ip]=iproute2 [nsenter]=util-linux
  [buildah]=buildah [debootstrap]=debootstrap [busybox]=busybox-static [mount]=mount
)
missing=()
for program in "${!package[@]}"; do
  command -v "$program" > /dev/null || missing+=("${package[$program]}")
done
[ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get > /dev/null ||
  fail "needs Debian's packages ${missing[*]}; install what your system calls them, with the CNI plugins in /usr/lib/cni"
printf 'installing %s\n' "${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp); trap 'rm -f "$log"' EXIT
{ apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 ||
  { tail -20 "$log" >&2; fail "apt-get could not install ${missing[*]}"; }
