# Measurements: bench/NAME.c becomes build/bench/NAME; each says at its top what it measures.
# `make bench` runs bench/run.py: the table of docs/benchmarks.md. BENCH_ARGS="--events 1000000" for
# the figures there; `make bench-peers` fetches the peers into a virtual environment first.
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))
BENCH_ARGS ?=
.PHONY: bench bench-programs bench-peers
bench: bench-programs
	$(Q)BUILD=$(BUILD) $(PYTHON) bench/run.py $(BENCH_ARGS)

# libsimdjson is C++ and a peer only: its program is built where it is installed.
bench-programs: all $(BENCHES)
	@mkdir -p $(BUILD)/bench
	@! test -e /usr/include/simdjson.h || test $(BUILD)/bench/simdjson_fields -nt \
	  bench/peers/simdjson_fields.cpp || $(CXX) -O2 -std=c++17 -o $(BUILD)/bench/simdjson_fields \
	  bench/peers/simdjson_fields.cpp -lsimdjson

bench-peers:
	$(PYTHON) -m venv $(BUILD)/bench/venv
	$(BUILD)/bench/venv/bin/pip install -q chdb duckdb polars

$(BUILD)/bench/%: bench/%.c $(call archives,$(filter-out cli,$(PRESENT)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< \
	  -Wl,--start-group $(call archives,$(filter-out cli,$(PRESENT))) -Wl,--end-group $(LIBS)
