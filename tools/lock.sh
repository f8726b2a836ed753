#!/usr/bin/env bash
# Pins every dependency with its hashes, for every platform, naming no index. usage: lock.sh UV
set -euo pipefail
uv=$(realpath "${1:?path of uv}")
cd "$(dirname "$0")/.."
pin=("$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes
     --no-emit-index-url --no-header --no-annotate pyproject.toml)
"${pin[@]}" --extra operator -o requirements.lock
"${pin[@]}" --extra operator --extra local --group dev -c requirements.lock -o requirements-dev.lock
