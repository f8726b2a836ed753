#!/usr/bin/env bash
# What a release needs from the machine: root on Linux, Debian's container tools, and QEMU for the other processor.
# Installs what is missing where it may, and says what is missing where it may not.
set -euo pipefail
fail() { printf 'make release-dry-run: %s\n' "$*" >&2; exit 1; }

[ "$(uname -s)" = Linux ] || fail "builds an image, which needs Linux"
[ "$(id -u)" = 0 ] || fail "builds an image with buildah, which needs root: run it as root"

case $(uname -m) in
  x86_64) other=aarch64 ;;
  aarch64) other=x86_64 ;;
  *) fail "is for x86_64 and aarch64" ;;
esac

declare -A package=([buildah]=buildah [skopeo]=skopeo [debootstrap]=debootstrap ["qemu-$other-static"]=qemu-user-static)
missing=()
for program in "${!package[@]}"; do
  command -v "$program" > /dev/null || missing+=("${package[$program]}")
done
# The kernel runs the other processor's programs once something has told it how.
[ -e "/proc/sys/fs/binfmt_misc/qemu-$other" ] || command -v update-binfmts > /dev/null || missing+=(binfmt-support)
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get > /dev/null || fail "needs Debian's packages ${missing[*]}; install what your system calls them"
  printf 'installing %s\n' "${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp); trap 'rm -f "$log"' EXIT
  { apt-get update -q && apt-get install -y -q --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 ||
    { tail -20 "$log" >&2; fail "apt-get could not install ${missing[*]}"; }
fi
[ -e /proc/sys/fs/binfmt_misc/register ] || mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc ||
  fail "cannot tell the kernel how to run programs of $other: binfmt_misc is not to be mounted here"
[ -e "/proc/sys/fs/binfmt_misc/qemu-$other" ] || update-binfmts --enable "qemu-$other" ||
  fail "cannot tell the kernel how to run programs of $other"
