# gatetrail's one build graph. `make` builds build/gatetrail; `make help` lists the rest.
# A folder of src/ becomes one archive; DEPS_<folder> says which folders it may use. Unit tests link
# against just that closure, so a call against the direction of the data flow does not link.

BUILD ?= build
# One spelling, or the dependency files of one make would not be those of the next.
override BUILD := $(abspath $(BUILD))
CC = gcc
AR = gcc-ar
OPT ?= -O2 -g
WERROR ?= -Werror
SANITIZE ?=
PREFIX ?= /usr/local
PYTHON ?= python3
# V=1 shows the commands.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1) $(patsubst $(CURDIR)/%,%,$(2))')

FOLDERS := base json schema toml config ecs cloudtrail query cluster rule sg detect investigate net respond \
           source sink store pipeline watch cli

DEPS_base :=
DEPS_json := base
DEPS_schema := base
DEPS_toml := json $(DEPS_json)
DEPS_config := toml $(DEPS_toml)
DEPS_ecs := json schema base
DEPS_cloudtrail := json base
DEPS_query := json schema base
DEPS_cluster := net query json schema base
DEPS_rule := toml query json schema base
DEPS_sg := json base
DEPS_detect := rule sg cloudtrail ecs $(DEPS_rule)
DEPS_store := json base
DEPS_investigate := detect store sg config $(DEPS_detect)
DEPS_net := json base
DEPS_respond := investigate net $(DEPS_investigate) $(DEPS_net)
DEPS_source := net cloudtrail store json base
DEPS_sink := cluster net store query json schema config toml base
DEPS_pipeline := source $(DEPS_source)
DEPS_watch := cluster pipeline detect sink respond $(DEPS_pipeline) $(DEPS_detect) $(DEPS_sink) \
  $(DEPS_respond)
DEPS_cli := watch investigate respond $(DEPS_watch) $(DEPS_investigate) $(DEPS_respond)

CFLAGS_ALL := -std=c17 $(OPT) -Isrc -I$(BUILD)/gen -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -pthread \
  -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wmissing-prototypes -Wstrict-prototypes \
  -Wvla -Wcast-qual -Wwrite-strings $(WERROR) -fno-strict-aliasing -fno-plt
ifeq ($(SANITIZE),)
CFLAGS_ALL += -D_FORTIFY_SOURCE=2 -fstack-protector-strong
else
CFLAGS_ALL += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
CFLAGS_ALL += $(CFLAGS)
# COVERAGE=1 tells the fuzz driver which edges ran; other programs get a callback that does nothing.
COVERAGE ?=
COVERAGE_OBJECT := $(if $(COVERAGE),$(BUILD)/coverage.o)
CFLAGS_COVERAGE := $(if $(COVERAGE),-fsanitize-coverage=trace-pc)
# libcurl, librdkafka and libmicrohttpd are loaded when they are first used (base/lazy.h).
LIBS := -ldeflate -lzstd -lz -lpcre2-8 -lmaxminddb -lsqlite3 \
  -lcmark-gfm -lcmark-gfm-extensions -lcrypto -lm
LDFLAGS_ALL := -pthread $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(COVERAGE_OBJECT) $(LDFLAGS)

# --- objects and archives -----------------------------------------------------------------------
sources = $(sort $(wildcard src/$(1)/*.c src/$(1)/*/*.c))
objects = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(call sources,$(1)))
archive = $(BUILD)/lib/$(1).a
archives = $(foreach f,$(1),$(call archive,$(f)))
PRESENT := $(foreach f,$(FOLDERS),$(if $(call sources,$(f)),$(f)))
closure = $(filter $(PRESENT),$(sort $(1) $(DEPS_$(1))))

.PHONY: all
all: $(BUILD)/gatetrail

include $(wildcard mk/*.mk)

$(BUILD)/obj/%.o: src/%.c | $(GENERATED)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CFLAGS_ALL) $(CFLAGS_COVERAGE) $(CFLAGS_$(subst /,_,$*)) -MMD -MP -c $< -o $@

$(BUILD)/coverage.o: tests/fuzz/coverage.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -c $< -o $@

define folder_rule
$(call archive,$(1)): $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$(Q)$(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rule,$(f))))

$(BUILD)/gatetrail: $(call archives,$(PRESENT)) $(COVERAGE_OBJECT)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ -Wl,--start-group $(call archives,$(PRESENT)) -Wl,--end-group $(LIBS)

# --- unit tests: tests/unit/<folder>/test_*.c, one program each -----------------------------------
UNIT_SOURCES := $(sort $(wildcard tests/unit/*/test_*.c))
UNIT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(UNIT_SOURCES))

define unit_rule
$(BUILD)/tests/unit/$(1)/%: tests/unit/$(1)/%.c $(call archives,$(call closure,$(1))) $(COVERAGE_OBJECT)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$(CC) $(CFLAGS_ALL) -Itests -MMD -MP -MF $$@.d $(LDFLAGS_ALL) -o $$@ $$< \
	  -Wl,--start-group $(call archives,$(call closure,$(1))) -Wl,--end-group -lcmocka $(LIBS)
endef
$(foreach f,$(FOLDERS),$(eval $(call unit_rule,$(f))))

.PHONY: unit
unit: $(UNIT_PROGRAMS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
