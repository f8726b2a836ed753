#!/bin/sh
# Takes out of the image what nothing in it imports. usage: trim_image.sh FOLDER_OF_LIBRARIES
set -eu
# The operator and the kubectl plugin speak plain JSON (controller/cluster/client.py,
# cli/kubectl/cluster.py): these 115 MB of generated models and calls are never imported.
find "$1" -path '*/kubernetes/*client/*' -name '*.py' ! -name __init__.py \
  \( -path '*/models/*' -o -path '*/api/*' \) -delete
# For the demo and the tests; the libraries that it needs are not in the image either.
find "$1" -type d -name socrata_simulator -prune -exec rm -rf {} +
