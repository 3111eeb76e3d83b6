# Measurements: bench/NAME.c becomes build/bench/NAME; each says at its top what it measures.
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench/%,$(wildcard bench/*.c))
.PHONY: bench
bench: $(BENCHES)

$(BUILD)/bench/%: bench/%.c $(call archives,$(filter-out cli,$(PRESENT)))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< \
	  -Wl,--start-group $(call archives,$(filter-out cli,$(PRESENT))) -Wl,--end-group $(LIBS)
