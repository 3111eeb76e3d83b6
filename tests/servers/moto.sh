#!/usr/bin/env bash
# Fetch moto (a server that answers like S3, SQS, EC2, IAM and STS) once, into a Python environment.
#   usage: moto.sh DIR      DIR/bin/moto_server is there afterwards; else the last line says why not,
#                           and the tests that need it skip.
# The credentials are checked only when the server is started with INITIAL_NO_AUTH_ACTION_COUNT=N: the
# first N calls go unchecked (to make a user and a key), every later one needs a right signature.
set -eu
mkdir -p "$1"
dir=$(cd "$1" && pwd)
[ -e "$dir/ready" ] && exit 0
exec 9>"$dir/lock"
flock 9
[ -e "$dir/ready" ] && exit 0
fail() { echo "moto: $*"; exit 1; }
python3 -m venv "$dir" >"$dir/setup.log" 2>&1 || fail "no Python environment (package python3-venv)"
"$dir/bin/pip" install -q 'moto[s3,sqs,ec2]==5.2.5' flask flask-cors >>"$dir/setup.log" 2>&1 ||
    fail "the Python packages cannot be had; see $dir/setup.log"
touch "$dir/ready"
