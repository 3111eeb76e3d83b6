#!/usr/bin/env bash
# Fetch what tests need and the repository cannot hold: MaxMind's own test databases, which the
# source distribution of the Python package geoip2 carries. usage: tests/data-fetch.sh [FOLDER]
# FOLDER defaults to build/testdata. Does nothing when the files are there; tests that miss them
# skip visibly.
set -eu
cd "$(dirname "$0")/.."
dir=${1:-build/testdata}
[ -f "$dir/mmdb/GeoIP2-City-Test.mmdb" ] && exit 0
mkdir -p "$dir/mmdb"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --no-binary geoip2 -d "$work" geoip2==5.3.0
tar xzf "$work"/geoip2-*.tar.gz -C "$dir/mmdb" --strip-components=4 --wildcards \
    '*/tests/data/test-data/*.mmdb'
[ -f "$dir/mmdb/GeoIP2-City-Test.mmdb" ]
