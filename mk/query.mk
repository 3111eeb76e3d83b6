$(BUILD)/tests/kql_dsl: tests/conformance/kql_dsl.c $(call archives,query schema json base)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< \
	  $(call archives,query schema json base) $(LIBS)
