# Loops over tens of thousands of codes, and over every byte that is read: -O2 of this compiler neither
# unrolls nor vectorises them.
CFLAGS_store_columns_read := -O3
CFLAGS_store_columns_walk := -O3
CFLAGS_cli_db_columns := -O3
