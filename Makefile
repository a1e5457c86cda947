# redtap: see `make help`. Variables: V=1 (loud), O=DIR (out of tree), SANITIZE=address,undefined
SHELL := /bin/bash
.SHELLFLAGS := -eo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
MAKEFLAGS += --no-builtin-rules

V ?= 0
ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
else
Q :=
say = @:
endif

O ?= build
CC ?= cc
ifeq ($(origin CC),default)
CC := cc
endif
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /usr/local/sbin/bpftool) bpftool)
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0
ARCH := $(subst aarch64,arm64,$(subst x86_64,x86,$(shell uname -m)))

PKGS := libbpf libelf zlib libmicrohttpd yaml-0.1
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
BASE_CFLAGS := -std=gnu11 -O3 -g $(WARN) -D_GNU_SOURCE -DREDTAP_VERSION='"$(VERSION)"' -iquote headers -iquote user \
	-fno-omit-frame-pointer -fstack-protector-strong
ifneq ($(SANITIZE),)
BASE_CFLAGS += -fsanitize=$(SANITIZE) -fno-sanitize-recover=all
LDFLAGS += -fsanitize=$(SANITIZE)
endif
ALL_CFLAGS = $(BASE_CFLAGS) -I$(O)/gen $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS)
LIBS = $(shell pkg-config --libs $(PKGS)) -lpthread -lm

# The pure half: links against nothing but libc. Unit tests and fuzzers link only this.
PURE_SRC := $(sort $(wildcard user/base/*.c user/names/*.c user/proto/*.c user/track/*.c))
APP_SRC  := $(sort $(wildcard user/config/*.c user/capture/*.c user/metrics/*.c user/serve/*.c) \
	$(filter-out user/main.c,$(wildcard user/*.c)))
PURE_OBJ := $(PURE_SRC:%.c=$(O)/%.o)
APP_OBJ  := $(APP_SRC:%.c=$(O)/%.o)
# maps.bpf.c first: libbpf 1.1 resolves an extern map wrongly when its definition is linked later.
BPF_SRC  := bpf/maps.bpf.c $(filter-out bpf/maps.bpf.c,$(sort $(wildcard bpf/*.bpf.c)))
BPF_OBJ  := $(BPF_SRC:%.bpf.c=$(O)/%.bpf.o)
SKEL     := $(O)/gen/redtap.skel.h
UNIT     := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(wildcard tests/unit/test_*.c))
MODULE   := $(patsubst tests/module/%.c,$(O)/tests/module/%,$(wildcard tests/module/test_*.c))
BPFTEST  := $(patsubst tests/bpf/%.c,$(O)/tests/bpf/%,$(wildcard tests/bpf/test_*.c))
REPLAY   := $(O)/tests/replay/test_golden $(O)/tests/replay/play
ORACLE   := $(patsubst tests/oracle/%.c,$(O)/tests/oracle/%,$(wildcard tests/oracle/test_*.c))
FUZZ     := $(patsubst tests/fuzz/%.c,$(O)/tests/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

## all: build the redtap binary (build/redtap)
.PHONY: all
all: $(O)/redtap

$(O)/redtap: $(O)/user/main.o $(O)/libredtap-app.a $(O)/libredtap.a
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/libredtap.a: $(PURE_OBJ)
$(O)/libredtap-app.a: $(APP_OBJ)
$(O)/%.a:
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar crs $@ $^

$(O)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# Everything in capture/ may include the skeleton.
$(patsubst %.c,$(O)/%.o,$(wildcard user/capture/*.c)): $(SKEL)

$(O)/gen/vmlinux.h:
	$(call say,BTF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c > $@

$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(O)/gen/vmlinux.h
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -O2 -g -std=gnu11 -Wall -Wextra -Werror \
		-Wno-unused-parameter -Wno-missing-declarations -Iheaders -Ibpf -I$(O)/gen -MMD -MP -c -o $@ $<

$(O)/bpf/redtap.bpf.linked.o: $(BPF_OBJ)
	$(call say,BPFLINK,$@)
	$(Q)$(BPFTOOL) gen object $@ $^

$(SKEL): $(O)/bpf/redtap.bpf.linked.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name redtap_bpf > $@

## run: install what is missing, build, and start redtap on this host (root)
.PHONY: run
run:
	$(Q)scripts/install-deps.sh
	$(Q)$(MAKE) --no-print-directory all
	$(Q)$(O)/redtap run $(ARGS)

## demo: the reference deployment in small, with redtap and Prometheus beside it (root)
.PHONY: demo
demo:
	$(Q)scripts/install-deps.sh --test
	$(Q)$(MAKE) --no-print-directory all
	$(Q)python3 tests/demo/demo.py $(ARGS)

# ---- tests ----
$(O)/tests/unit/%: tests/unit/%.c $(O)/libredtap.a
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -iquote tests -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(O)/libredtap.a

$(O)/tests/module/%: tests/module/%.c $(O)/libredtap-app.a $(O)/libredtap.a
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -iquote tests -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(O)/libredtap-app.a $(O)/libredtap.a $(LIBS)

$(O)/tests/bpf/%: tests/bpf/%.c $(O)/libredtap-app.a $(O)/libredtap.a
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -iquote tests -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(O)/libredtap-app.a $(O)/libredtap.a $(LIBS)

$(O)/tests/replay/%: tests/replay/%.c $(O)/tests/replay/golden.a $(O)/libredtap.a
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(O)/tests/replay/golden.a $(O)/libredtap.a

# What the two players of the replay bed share: all but the programs.
GOLDEN_SRC := $(filter-out tests/replay/play.c tests/replay/test_%,$(wildcard tests/replay/*.c))
$(O)/tests/replay/golden.a: $(GOLDEN_SRC:%.c=$(O)/%.o)

# Held against other implementations; where one is missing, the test says so and is skipped.
ORACLE_LIBS = $(shell echo '\#include <pg_query.h>' | $(CC) -E -xc - >/dev/null 2>&1 && echo -lpg_query)
$(O)/tests/oracle/%: tests/oracle/%.c $(O)/libredtap.a
	$(call say,TEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -iquote tests -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(O)/libredtap.a $(ORACLE_LIBS)

# Fuzzers are compiled whole with clang: the pure sources and the target, ASan and UBSan.
$(O)/tests/fuzz/%: tests/fuzz/%.c $(PURE_SRC) $(wildcard headers/*.h user/*/*.h)
	$(call say,FUZZ,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BASE_CFLAGS) -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-iquote tests -o $@ $< $(PURE_SRC)

## test: everything a newcomer and CI run: unit, fuzz, BPF and end-to-end tests (root)
.PHONY: test
test:
	$(Q)scripts/install-deps.sh --test
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all test-bins
	$(Q)tests/run.sh $(O) all

## check: the fast part of the tests, no root and no servers: unit tests and fuzz corpora
.PHONY: check
check: test-bins
	$(Q)tests/run.sh $(O) fast

.PHONY: test-bins
test-bins: all $(UNIT) $(MODULE) $(ORACLE) $(BPFTEST) $(REPLAY) $(FUZZ)

## fuzz: run every fuzzer for FUZZ_SECONDS (default 60) each
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: $(FUZZ)
	$(Q)tests/run.sh $(O) fuzz $(FUZZ_SECONDS)

## drills: goldens over sockets, latency truth, losses, own memory and CPU: minutes, under load (root)
.PHONY: drills
drills:
	$(Q)scripts/install-deps.sh --test
	$(Q)$(MAKE) --no-print-directory all $(REPLAY)
	$(Q)r=0; for d in truth loss cost replay; do tests/run.sh $(O) e2e $$d || r=1; done; exit $$r

## soak: twenty million transactions with everything changing, redtap's memory flat: five minutes (root)
.PHONY: soak
soak:
	$(Q)scripts/install-deps.sh --test
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/run.sh $(O) e2e soak

## soak-asan: three million of them with redtap built with ASan and UBSan, leaks as well (root)
.PHONY: soak-asan
soak-asan:
	$(Q)scripts/install-deps.sh --test
	$(Q)$(MAKE) --no-print-directory O=$(O)/asan SANITIZE=address,undefined all
	$(Q)REDTAP_SOAK=$${REDTAP_SOAK:-3000000} ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=8 \
		tests/run.sh $(O)/asan e2e soak

## matrix: run every client library against its server and write docs/MATRIX.md (root)
.PHONY: matrix
matrix:
	$(Q)scripts/install-deps.sh --test
	$(Q)$(MAKE) --no-print-directory all
	$(Q)r=0; tests/run.sh $(O) e2e matrix || r=$$?; \
		scripts/matrix-table.py $(O)/matrix/*.jsonl > docs/MATRIX.md; exit $$r

# Empty programs on our hooks: what the bench compares with.
$(O)/tests/bench/floor.bpf.o: tests/bench/floor.bpf.c $(O)/gen/vmlinux.h
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -D__TARGET_ARCH_$(ARCH) -O2 -g -Wall -Werror -Wno-unused-parameter -I$(O)/gen -c -o $@ $<

$(O)/tests/bench/floor: tests/bench/floor.c $(O)/tests/bench/floor.bpf.o
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $< $(LIBS)

$(O)/tests/bench/exchange: tests/bench/exchange.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $<

## bench: throughput of nginx, PostgreSQL, Kafka and FastAPI with redtap off and on in turn (root)
.PHONY: bench
bench:
	$(Q)scripts/install-deps.sh --test
	$(Q)$(MAKE) --no-print-directory all $(O)/tests/bench/floor $(O)/tests/bench/exchange
	$(Q)python3 tests/bench/bench.py $(ARGS)

## lint: clang-tidy, cppcheck, the layer check and the format check
.PHONY: lint
lint: $(SKEL)
	$(Q)scripts/lint.sh $(O)

## format: rewrite the sources in the house style
.PHONY: format
format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h')

## compile_commands.json: for clangd
compile_commands.json: Makefile
	$(Q)scripts/compile-commands.sh "$(ALL_CFLAGS)" $(PURE_SRC) $(APP_SRC) user/main.c > $@

## install: put redtap under PREFIX (default /usr/local)
.PHONY: install
install: all
	$(Q)install -D -m 0755 $(O)/redtap $(DESTDIR)$(PREFIX)/sbin/redtap

## uninstall: remove what install put there
.PHONY: uninstall
uninstall:
	$(Q)rm -f $(DESTDIR)$(PREFIX)/sbin/redtap

## clean: remove what was built (downloads under build/cache stay)
.PHONY: clean
clean:
	$(Q)rm -rf $(O)/user $(O)/bpf $(O)/gen $(O)/tests $(O)/*.a $(O)/redtap

## help: this list
.PHONY: help
help:
	@sed -n 's/^## //p' Makefile | awk -F': ' '{printf "  %-22s %s\n", $$1, $$2}'

-include $(PURE_OBJ:.o=.d) $(APP_OBJ:.o=.d) $(O)/user/main.d $(BPF_OBJ:.o=.d) $(UNIT:=.d) $(MODULE:=.d) $(ORACLE:=.d) $(BPFTEST:=.d) \
	$(REPLAY:=.d) $(GOLDEN_SRC:%.c=$(O)/%.d)
