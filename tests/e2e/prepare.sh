#!/usr/bin/env bash
# What `make e2e` needs from the machine: a browser; root on Linux and Debian's container tools, or a cluster.
# Installs what is missing where it may, and says what is missing where it may not.
set -euo pipefail
fail() { printf 'make e2e: %s\n' "$*" >&2; exit 1; }

declare -A package=([chromium]=chromium)
if [ -z "${KUBECONFIG:-}" ]; then  # else a cluster was given; nothing runs here but clients and servers
  [ "$(uname -s)" = Linux ] || fail "starts a Kubernetes node, which needs Linux; or set KUBECONFIG to a cluster (see tests/e2e/cluster.py)"
  [ "$(id -u)" = 0 ] || fail "starts a Kubernetes node, which needs root: run it as root, or set KUBECONFIG to a cluster (see tests/e2e/cluster.py)"
  package+=(
    [containerd]=containerd [runc]=runc [nft]=nftables [ip]=iproute2 [nsenter]=util-linux
    [buildah]=buildah [podman]=podman [debootstrap]=debootstrap [busybox]=busybox-static [mount]=mount
  )
fi

# axe-core judges whether a page can be read by everybody. It is one file, which npm has.
axe=${XDG_CACHE_HOME:-$HOME/.cache}/socratasync/axe-core-4.14.1
[ -s "$axe/axe.min.js" ] || package+=([npm]=npm)

missing=()
for program in "${!package[@]}"; do
  command -v "$program" > /dev/null || missing+=("${package[$program]}")
done
[ -n "${KUBECONFIG:-}" ] || [ -x /usr/lib/cni/bridge ] || missing+=(containernetworking-plugins)
[ -d /usr/share/fonts ] || missing+=(fonts-dejavu-core)
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get > /dev/null ||
    fail "needs Debian's packages ${missing[*]}; install what your system calls them, with the CNI plugins in /usr/lib/cni"
  printf 'installing %s\n' "${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp); trap 'rm -f "$log"' EXIT
  { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 ||
    { tail -20 "$log" >&2; fail "apt-get could not install ${missing[*]}"; }
fi

if [ ! -s "$axe/axe.min.js" ]; then
  scratch=$(mktemp -d)
  (cd "$scratch" && npm pack --silent axe-core@4.14.1 > /dev/null && tar xzf ./*.tgz) || fail "npm has no axe-core"
  mkdir -p "$axe" && cp "$scratch/package/axe.min.js" "$axe/" && rm -r "$scratch"
fi
