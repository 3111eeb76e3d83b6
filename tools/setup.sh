#!/usr/bin/env bash
# usage: tools/setup.sh GROUP... — install the groups of tools/packages.txt that are missing.
# Root uses apt-get; others sudo where it asks for no password; else the packages are named and the
# script ends with 1. Missing packages of other groups than `build` are named, and no failure.
set -u
cd "$(dirname "$0")/.." || exit 1

packages() {
    awk -v want=" $* " '/^#/ || !NF { next }
        /^\[/ { gsub(/[][]/, ""); on = index(want, " " $1 " "); next }
        on' tools/packages.txt
}

missing() {
    packages "$@" | while read -r name command; do
        [ -n "$command" ] && command -v "$command" >/dev/null && continue
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
    done
}

as=()
may_install() {
    [ "$(id -u)" = 0 ] && return
    command -v sudo >/dev/null && sudo -n true 2>/dev/null && as=(sudo -n)
}

install_all() {
    local apt=("${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
    "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null 2>&1 && return
    "${apt[@]}" update >/dev/null && "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null
}

if ! command -v dpkg-query >/dev/null; then
    echo "setup: not a Debian system; these must be here, under whatever names:" $(packages "$@" | cut -d' ' -f1) >&2
    exit 0
fi
names=$(missing "$@")
[ -n "$names" ] || exit 0
if may_install; then
    echo "setup: installing" $names
    # One by one after a failure, so that one unknown name does not keep the others out.
    install_all $names 2>/dev/null || for name in $names; do install_all "$name" 2>/dev/null; done
fi
left=$(missing "$@")
[ -n "$left" ] || exit 0
echo "setup: these packages are missing. As root:" >&2
echo "    apt-get install -y --no-install-recommends" $left >&2
[ -z "$(missing build)" ]
