#!/usr/bin/env bash
# The public TOML suite (toml-test, a Go program) against our parser, for TOML 1.0 and 1.1. TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
case $build in /*) ;; *) build=$PWD/$build ;; esac
module=github.com/toml-lang/toml-test/v2/cmd/toml-test@v2.2.0
suite=${GT_TOML_TEST:-$build/tools/toml-test}
echo "1..2"
skip() {
    echo "ok 1 - toml-test 1.0 # SKIP $1"
    echo "ok 2 - toml-test 1.1 # SKIP $1"
    exit 0
}
if [ ! -x "$suite" ]; then
    command -v go >/dev/null || skip "no Go to install toml-test with"
    mkdir -p "${suite%/*}"
    GOBIN=${suite%/*} GOFLAGS=-mod=mod go install "$module" >/dev/null 2>&1 || true
    [ -x "$suite" ] || skip "toml-test could not be installed"
fi
make -s BUILD="$build" "$build/tests/toml_decoder" >&2 || { echo "Bail out! no decoder"; exit 1; }
status=0 n=0
for version in 1.0 1.1; do
    n=$((n + 1))
    if out=$("$suite" test -toml "$version" -decoder "$build/tests/toml_decoder -toml $version" 2>&1) &&
        grep -Eq 'valid tests: [1-9][0-9]+ passed, +0 failed' <<<"$out"; then
        echo "ok $n - toml-test $version:$(grep -E '^ *(in)?valid tests' <<<"$out" | tr -s ' \n' ' ')"
    else
        echo "not ok $n - toml-test $version"
        tail -60 <<<"$out" | sed 's/^/# /'
        status=1
    fi
done
exit $status
