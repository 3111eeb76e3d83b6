#!/usr/bin/env bash
# Fetch a Kafka broker once.
#   usage: kafka.sh DIR     DIR/lib has its jars afterwards; else the last line says why not, and the
#                           tests that need it skip.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
dir=$(cd "$1" && pwd)
[ -e "$dir/ready" ] && exit 0
exec 9>"$dir/lock"
flock 9
[ -e "$dir/ready" ] && exit 0
fail() { echo "kafka: $*"; exit 1; }
command -v mvn >/dev/null || fail "Maven is missing (package maven)"
command -v java >/dev/null || fail "Java is missing (package default-jre-headless)"
command -v kcat >/dev/null || fail "kcat is missing (package kcat)"
rm -rf "$dir/lib"
mvn -q -B -f "$here/kafka/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dir/lib" \
    -DincludeScope=runtime >"$dir/setup.log" 2>&1 || fail "its jars cannot be had; see $dir/setup.log"
touch "$dir/ready"
