# Makes $T/gatetrail.toml and a store with the alerts of a small log, by `gatetrail watch` itself.
# Usage in a case: . tests/golden/data/alerts/store.sh
mkdir -p "$T/logs"
cp tests/golden/data/three.json "$T/logs/"
cat > "$T/gatetrail.toml" <<'TOML'
[store]
path = "alerts.db"

[[source]]
type = "folder"
path = "logs"

[[sink]]
type = "ndjson"
path = "alerts.ndjson"
TOML
echo 2026-03-09T00:00:00Z > "$T/clock"
gatetrail watch -q --once --config "$T/gatetrail.toml" --clock-file "$T/clock" 2>/dev/null || echo "watch failed"
