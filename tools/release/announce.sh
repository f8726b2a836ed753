#!/usr/bin/env bash
# The release on GitHub, with its notes and all files of dist/ but the image, which is in the registry.
set -euo pipefail
cd "$(dirname "$0")/../../dist"
tag=${TAG:?the tag that is released, as in v1.2.3}
files=()
for file in *; do
  case $file in *-image.tar | notes.md) ;; *) files+=("$file") ;; esac
done
kind=(); [[ $tag != *-* ]] || kind=(--prerelease)
gh release create "$tag" --repo "${GITHUB_REPOSITORY:-socratasync/socratasync}" --verify-tag "${kind[@]}" \
  --title "Socrata Sync ${tag#v}" --notes-file notes.md "${files[@]}"
