#!/usr/bin/env bash
# PgBouncer, which the tests of poolers run by themselves: installed where this machine lets us, else asked for.
# Without it those tests are skipped, which is said at the end of a run, and in CI fails it.
set -euo pipefail
PATH=$PATH:/usr/sbin
command -v pgbouncer > /dev/null && exit 0

ask() { printf 'tests behind PgBouncer will be skipped: %s. Run: sudo apt-get install pgbouncer\n' "$*" >&2; exit 0; }
command -v apt-get > /dev/null || ask "it is not installed"
set_up=(env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get); [ "$(id -u)" = 0 ] || set_up=(sudo -n "${set_up[@]}")
printf 'installing pgbouncer\n' >&2
log=$(mktemp); trap 'rm -f "$log"' EXIT
# In run level 1 the package's own service is not started: the tests want none.
{ "${set_up[@]}" update -q && "${set_up[@]}" -o Dpkg::Use-Pty=0 install -y -q --no-install-recommends pgbouncer; } \
  > "$log" 2>&1 < /dev/null || { tail -5 "$log" >&2; ask "apt-get could not install it"; }
