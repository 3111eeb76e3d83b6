"""DuckDB in its best form found: only the four columns the question needs, on two threads."""
import sys

import duckdb

from question import NAMES

con = duckdb.connect()
con.execute("SET threads=2")
con.execute("SET preserve_insertion_order=false")
record = "STRUCT(eventSource VARCHAR, eventName VARCHAR, errorCode VARCHAR, errorMessage VARCHAR)[]"
print(con.execute(f"""
    SELECT count(*) FROM (
      SELECT unnest("Records") r FROM read_json('{sys.argv[1]}/**/*.json.gz', format='unstructured',
        maximum_object_size=268435456, columns={{'Records': '{record}'}}))
    WHERE r.eventSource = 'ec2.amazonaws.com' AND r.eventName IN {NAMES}
      AND r.errorCode IS NULL AND r.errorMessage IS NULL""").fetchone()[0])
