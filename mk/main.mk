# The names a person types. `make help` lists them.
.PHONY: help demo test check check-full golden-update lint docs install uninstall fuzz \
  setup asan tsan clean

define HELP
make               build build/gatetrail
make demo          install what is needed, build, and show alerts on the bundled logs
make test          everything: set up, build, every test (under 20 minutes)
make check         unit and golden tests, lint (under a minute)
make check-full    make test plus long fuzzing, ThreadSanitizer and the long runs
make golden-update write the golden files anew; look at the diff
make docs          write the made parts of README.md and docs/reference anew
make fuzz T=kql S=60   fuzz one target for so many seconds
make install       to $$(PREFIX) (default /usr/local); DESTDIR is obeyed
make clean
Variables: V=1 shows commands; BUILD=DIR; SANITIZE=address,undefined; OPT="-O1 -g"
endef
export HELP
help:
	@echo "$$HELP"

setup:
	@tools/setup.sh build

# Setting up comes first and in a make of its own: the compiler may be missing until then.
demo: setup
	@$(MAKE) -s --no-print-directory -j2 all
	@tools/demo.sh $(BUILD)/gatetrail

test:
	@tools/setup.sh build test
	@tests/data-fetch.sh || echo "test: the address databases could not be fetched; their tests are skipped"
	@$(MAKE) -s --no-print-directory -j2 all unit
	@$(PYTHON) tests/run all

check:
	@$(MAKE) -s --no-print-directory -j2 all unit
	@$(PYTHON) tests/run check

check-full:
	@tools/setup.sh build test
	@tests/data-fetch.sh || echo "test: the address databases could not be fetched; their tests are skipped"
	@$(MAKE) -s --no-print-directory -j2 all unit
	@$(PYTHON) tests/run full

golden-update: all
	@tests/golden/run --update

lint:
	@$(PYTHON) tests/run lint

docs: all
	@$(PYTHON) tools/readme.py $(BUILD)/gatetrail
	@$(PYTHON) tools/fields_md.py
	$(Q)$(BUILD)/gatetrail config reference > docs/reference/configuration.md

# Sanitizer builds have folders of their own beside the plain one.
ASAN_FLAGS = BUILD=$(CURDIR)/build-asan SANITIZE=address,undefined COVERAGE=1 OPT="-O1 -g"
TSAN_FLAGS = BUILD=$(CURDIR)/build-tsan SANITIZE=thread OPT="-O1 -g"
asan:
	@$(MAKE) -s --no-print-directory -j2 $(ASAN_FLAGS) all unit fuzzers
tsan:
	@$(MAKE) -s --no-print-directory -j2 $(TSAN_FLAGS) all unit

clean:
	rm -rf build build-asan build-tsan

# --- fuzzing -------------------------------------------------------------------------------------
# tests/fuzz/fuzz_NAME.c is one target; tests/fuzz/driver.c mutates inputs and follows coverage.
FUZZ_SOURCES := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/fuzz/%,$(FUZZ_SOURCES))
.PHONY: fuzzers
fuzzers: $(FUZZERS)

$(BUILD)/fuzz/%: tests/fuzz/fuzz_%.c tests/fuzz/driver.c $(call archives,$(PRESENT)) $(COVERAGE_OBJECT)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) -Itests -MMD -MP -MF $@.d $(LDFLAGS_ALL) -o $@ $< tests/fuzz/driver.c \
	  -Wl,--start-group $(call archives,$(PRESENT)) -Wl,--end-group $(LIBS)

T ?= kql
S ?= 60
fuzz:
	@$(MAKE) -s --no-print-directory -j2 $(ASAN_FLAGS) $(CURDIR)/build-asan/fuzz/$(T)
	build-asan/fuzz/$(T) -t $(S) tests/fuzz/corpus/$(T)

# --- installing ----------------------------------------------------------------------------------
DESTDIR ?=
BINDIR = $(DESTDIR)$(PREFIX)/bin
MANDIR = $(DESTDIR)$(PREFIX)/share/man/man1
DOCDIR = $(DESTDIR)$(PREFIX)/share/doc/gatetrail
BASHDIR = $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR = $(DESTDIR)$(PREFIX)/share/zsh/site-functions
UNITDIR = $(DESTDIR)$(PREFIX)/lib/systemd/system
# Manual pages: gatetrail(1) and one for each command.
install: all
	install -d $(BINDIR) $(MANDIR) $(DOCDIR) $(BASHDIR) $(ZSHDIR)
	install -m 755 $(BUILD)/gatetrail $(BINDIR)/gatetrail
	$(BUILD)/gatetrail help --man > $(MANDIR)/gatetrail.1
	$(BUILD)/gatetrail help --list | while read -r command; do \
	  $(BUILD)/gatetrail help --man $$command > $(MANDIR)/gatetrail-$$(echo "$$command" | tr ' ' -).1 || exit 1; \
	done
	$(BUILD)/gatetrail help --completion bash > $(BASHDIR)/gatetrail
	$(BUILD)/gatetrail help --completion zsh > $(ZSHDIR)/_gatetrail
	install -m 644 README.md $(DOCDIR)/
	install -d $(UNITDIR)
	sed 's|/usr/local|$(PREFIX)|' packaging/gatetrail.service > $(UNITDIR)/gatetrail.service

uninstall:
	rm -rf $(BINDIR)/gatetrail $(MANDIR)/gatetrail.1 $(MANDIR)/gatetrail-*.1 $(DOCDIR) \
	  $(BASHDIR)/gatetrail $(ZSHDIR)/_gatetrail $(UNITDIR)/gatetrail.service
