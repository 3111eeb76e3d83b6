# The built-in rules and their tests, taken into the binary byte by byte: the assembler's .incbin needs
# nothing but the compiler. build/gen/builtin_rules.h has a line for each file of rules/.
RULE_FILES := $(sort $(wildcard rules/*.toml rules/*.test.json))
RULES_HEADER := $(BUILD)/gen/builtin_rules.h
GENERATED += $(RULES_HEADER)

# Written anew when the list changes; the object depends on the files themselves as well.
$(RULES_HEADER): $(RULE_FILES) mk/rules.mk
	@mkdir -p $(@D)
	$(call say,GEN,$@)
	$(Q)n=0; { for f in $(RULE_FILES); do \
	  echo "RULE_FILE($$n, \"$${f#rules/}\", \"$(CURDIR)/$$f\")"; n=$$((n + 1)); done; } > $@.tmp
	$(Q)mv $@.tmp $@

$(BUILD)/obj/rule/builtin.o: $(RULES_HEADER) $(RULE_FILES)
