#!/usr/bin/env bash
# usage: tools/demo.sh [GATETRAIL] — what the starting rule sees in the bundled logs, and what it misses.
# README.md shows this output as it is; tests/lint/readme compares them.
set -eu
cd "$(dirname "$0")/.."
gatetrail=${1:-build/gatetrail}
logs=samples/AWSLogs
old=aws_ec2_security_group_configuration_change_v207
now=aws_ec2_security_group_configuration_change
bold='' off=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' off=$'\033[0m'; fi

say() { printf '%s%s%s\n' "$bold" "$*" "$off"; }
show() {
    printf '$ gatetrail %s\n' "$(sed 's/ --quiet//; s/ --format text//' <<<"$*")"
    "$gatetrail" "$@"
}
# Sorted ids of the events that a rule alerts on.
ids() {
    "$gatetrail" scan --quiet --format ndjson --rule "$1" "$logs" |
        grep -o '"kibana.alert.original_event.id":"[^"]*"' | cut -d'"' -f4 | sort
}
count() { grep -c . <<<"$1" || true; }
either() { sed 's/.*/"&"/' <<<"$1" | paste -sd' ' | sed 's/ / or /g'; }

seen=$(ids "$old")
today=$(ids "$now")
missed=$(comm -13 <(echo "$seen") <(echo "$today"))
noise=$(comm -23 <(echo "$seen") <(echo "$today"))

say "1. A week of logs, and the rule as it stood in version 207: $(count "$seen") alerts. Two of them:"
show scan --rule "$old" --quiet --format text --since 2025-03-06T02:21:00Z \
    --until 2025-03-06T02:24:10Z "$logs"
say "2. The same rule as it stands today: $(count "$today") alerts. Version 207 misses $(count "$missed") of them: every port that"
say "   was opened. On 6 March an intruder opens four, and version 207 sees none:"
echo "\$ gatetrail query 'event.id: (…those ids…)' --since 2025-03-06 $logs"
"$gatetrail" query --quiet --format text --since 2025-03-06 "event.id: ($(either "$missed"))" "$logs"
echo
say "3. And version 207 fires for $(count "$noise") call that changes no security group:"
"$gatetrail" query --quiet --format text "event.id: ($(either "$noise"))" "$logs"
echo
say "4. On its own schedule it would have missed some of the rest, since CloudTrail delivers late:"
show replay --quiet --format text --rule "$old" "$logs"
say "5. gatetrail says what is wrong with the old rule without any logs:"
show rules check --quiet 2>&1
echo
echo "Next: gatetrail scan YOUR-LOGS/    (and 'gatetrail help')"
