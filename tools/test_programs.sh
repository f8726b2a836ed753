#!/usr/bin/env bash
# Programs that tests start: PgBouncer for what is behind a pooler, ip for networks that lose packets, and a PostgreSQL
# with PostGIS for geometry.
# Installed where this machine lets us, else asked for. Without them those tests are skipped, which is said at the
# end of a run and, in CI, fails it.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
missing=()
command -v pgbouncer > /dev/null || missing+=(pgbouncer)
command -v ip > /dev/null || missing+=(iproute2)
compgen -G '/usr/share/postgresql/*/extension/postgis.control' > /dev/null || missing+=(postgis)
[ ${#missing[@]} -gt 0 ] || exit 0

ask() { printf '%s. Some tests will be skipped; for them run: sudo apt-get install %s\n' "$1" "${missing[*]}" >&2; exit 0; }
command -v apt-get > /dev/null || ask "there is no apt-get here"
# In run level 1 no service is started: the tests start PgBouncer themselves.
apt=(env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get); [ "$(id -u)" = 0 ] || apt=(sudo -n "${apt[@]}")
printf 'installing %s\n' "${missing[*]}" >&2
log=$(mktemp); trap 'rm -f "$log"' EXIT
# Debian's name for PostGIS has the version of the PostgreSQL that it belongs to, and brings that along.
named() {
  local found; found=$(apt-cache search --names-only '^postgresql-[0-9]+-postgis-3$' | cut -d' ' -f1 | sort -V | tail -1)
  missing=("${missing[@]/%postgis/$found}")
}
{ "${apt[@]}" update -q && named && "${apt[@]}" install -y -q --no-install-recommends "${missing[@]}"; } > "$log" 2>&1 < /dev/null ||
  { tail -5 "$log" >&2; ask "apt-get could not install ${missing[*]}"; }
