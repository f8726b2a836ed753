#!/usr/bin/env bash
# Pins every dependency with its hashes, for every platform, naming no index. usage: lock.sh UV
set -euo pipefail
uv=$(realpath "${1:?path of uv}")
cd "$(dirname "$0")/.."
pin=("$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes
     --no-emit-index-url --no-header --no-annotate)
"${pin[@]}" pyproject.toml --extra operator -o requirements.lock
"${pin[@]}" pyproject.toml --extra operator --extra local --group dev -c requirements.lock -o requirements-dev.lock
"${pin[@]}" --group build -c requirements-dev.lock -o requirements-build.lock
