#!/usr/bin/env bash
# Makes the virtual environment from the lock. usage: setup.sh PYTHON VENV
# Works on a bare Debian: its python3 comes without venv, which is then installed, or asked for.
set -euo pipefail
python=${1:?a Python, 3.11 or later}; venv=${2:?a folder}
cd "$(dirname "$0")/.."

say() { printf '\033[1m»\033[0m %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

command -v "$python" > /dev/null || fail "$python is not there. Install Python 3.11 or later, or name one: make PYTHON=python3.12 …"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$("$python" --version) is too old; Python 3.11 or later is needed: make PYTHON=python3.12 …"

if ! "$python" -c 'import ensurepip' 2> /dev/null; then
  say "this Python has no venv; installing Debian's python3-venv"
  apt=(apt-get); [ "$(id -u)" = 0 ] || apt=(sudo -n apt-get)
  { "${apt[@]}" update -qq && "${apt[@]}" install -y -qq python3-venv; } > /dev/null 2>&1 ||
    fail "python3-venv could not be installed. Run: sudo apt-get install python3-venv"
fi

say "setting up $venv (about a minute, once)"
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet)
"${pip[@]}" install --require-hashes -r requirements-dev.lock
"${pip[@]}" install --no-deps --no-build-isolation -e .
