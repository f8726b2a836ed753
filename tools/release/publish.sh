#!/usr/bin/env bash
# Pushes image and chart out of dist/ and signs them; what was pushed goes to $GITHUB_OUTPUT.
# Needs skopeo, helm and jq; cosign, and docker for logging in, unless SIGN=no.
# REGISTRY=127.0.0.1:5000/x SIGN=no PLAIN_HTTP=yes ANY_BASE=yes tries it with a dry run's files on a registry of one's own.
set -euo pipefail
fail() { printf 'publish.sh: %s\n' "$*" >&2; exit 1; }
cd "$(dirname "$0")/../../dist" || fail "there is no dist/: make release-dry-run TAG=v1.2.3"

registry=${REGISTRY:-ghcr.io/socratasync}
version=${TAG:?the tag that is released, as in v1.2.3}; version=${version#v}
archive=oci-archive:socratasync-$version-image.tar:$version
image=$registry/socratasync
chart=$registry/charts/socrata-sync
plain=(); helm_plain=()
[ "${PLAIN_HTTP:-no}" = no ] || { plain=(--dest-tls-verify=false); helm_plain=(--plain-http); }

sha256sum --check --quiet SHA256SUMS
base=$(skopeo inspect --format '{{index .Labels "org.opencontainers.image.base.name"}}' "$archive")
[[ $base == *@sha256:* || -n ${ANY_BASE:-} ]] || fail "the image stands on $base, which has no digest: make release-dry-run TAG=v$version where the registry answers"

[ -z "${GITHUB_TOKEN:-}" ] || docker login "${registry%%/*}" --username "${GITHUB_ACTOR:-release}" --password-stdin <<< "$GITHUB_TOKEN"

digest=$(mktemp); said=$(mktemp); trap 'rm -f "$digest" "$said"' EXIT
skopeo copy --all "${plain[@]}" --digestfile "$digest" "$archive" "docker://$image:$version"
helm push "${helm_plain[@]}" "socrata-sync-$version.tgz" "oci://${chart%/*}" > "$said" 2>&1 || { cat "$said" >&2; exit 1; }
image_digest=$(cat "$digest")
chart_digest=$(sed -n 's/^Digest: *//p' "$said")
[ -n "$chart_digest" ] || fail "helm said no digest: $(cat "$said")"
printf '%s\n' "image=$image" "image-digest=$image_digest" "chart=$chart" "chart-digest=$chart_digest" | tee -a "${GITHUB_OUTPUT:-/dev/null}"

[ "${SIGN:-yes}" = yes ] || exit 0
cosign sign --yes --recursive "$image@$image_digest"
cosign sign --yes "$chart@$chart_digest"
# An SBOM is of one platform's image, not of the list of them.
skopeo inspect --raw "docker://$image@$image_digest" |
  jq --raw-output '.manifests[] | [.platform.os, .platform.architecture, .digest] | @tsv' |
  while read -r os arch platform_digest; do
    cosign attest --yes --type spdxjson --predicate "socratasync-$version-image-$os-$arch.spdx.json" \
      "$image@$platform_digest" < /dev/null
  done
