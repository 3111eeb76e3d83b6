# Programs that conformance suites run: tests/conformance/NAME.c becomes build/tests/NAME.
$(BUILD)/tests/toml_decoder: tests/conformance/toml_decoder.c $(call archives,toml json base)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< $(call archives,toml json base) $(LIBS)
