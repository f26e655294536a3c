# SPDX-License-Identifier: BSD-2-Clause
# One Makefile for everything; whatever it makes is in build/.
#   make             extcp, the eBPF programs
#   make check       set-up, build, unit tests, namespace tests (root)
#   make check-unit  unit tests only (no root)
#   make check-netns namespace tests only (root)
#   make lint        clang-format, cppcheck, shellcheck
#   make SAN=1 ...   everything with the address and undefined-behaviour sanitisers, in build/san/
#   make bench-topology | bench-link | bench-decode | bench-pm | bench-gate | bench-gate-sim
#   make program FILE=path/to/mine.bpf.c   an eBPF program of yours, to path/to/mine.bpf.o
#   make V=1         print the commands

SHELL := /bin/bash
.DELETE_ON_ERROR:

ifeq ($(SAN),1)
O        := build/san
SANFLAGS := -fsanitize=address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=undefined
else
O        := build
SANFLAGS :=
endif

CC       ?= gcc
CLANG    ?= clang
STRIP    ?= llvm-strip
PKGS     := libbpf libelf libnl-3.0 libnl-route-3.0 libnl-genl-3.0 libcyaml jansson libnetfilter_queue libmnl libpcap yaml-0.1 libcurl nettle
TESTPKGS := cmocka

CFLAGS   ?= -O2 -g
# Said once here instead of by the compiler, header by header.
ifneq ($(filter-out setup check lint format clean,$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell pkg-config --exists $(PKGS) 2>/dev/null && command -v $(CLANG) >/dev/null && echo yes),yes)
$(error packages are missing; as root: make setup)
endif
endif

CPPFLAGS += -D_GNU_SOURCE -Iharness -Ibpf $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
ALLFLAGS  = $(CPPFLAGS) -std=gnu11 -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings $(CFLAGS) $(SANFLAGS) -pthread -MMD -MP
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm
BPFFLAGS := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter -Ibpf -Ibpf/lib \
            -isystem /usr/include/$(shell $(CC) -dumpmachine 2>/dev/null) -MMD -MP

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

BPF_SRC   := $(sort $(wildcard bpf/options/*.bpf.c bpf/pm/*.bpf.c bpf/cc/*.bpf.c bpf/iter/*.bpf.c bpf/tests/*.bpf.c))
BPF_OBJ   := $(BPF_SRC:%.bpf.c=$(O)/%.bpf.o)
LIB_SRC   := $(filter-out harness/main.c,$(sort $(wildcard harness/*.c)))
LIB_OBJ   := $(LIB_SRC:%.c=$(O)/%.o) $(O)/gen/programs_embedded.o
UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN  := $(UNIT_SRC:%.c=$(O)/%)
TOOL_SRC  := $(sort $(wildcard tests/tools/*.c bench/*.c))
TOOL_BIN  := $(TOOL_SRC:%.c=$(O)/%)
# mptcpd loads these by name from this directory.
PEER_SO   := $(O)/mptcpd/extcp.so

.PHONY: all setup check check-unit check-netns lint format clean bench-topology bench-link bench-decode bench-pm bench-gate bench-gate-sim
.SECONDARY:
all: $(O)/extcp $(PEER_SO)

$(O)/extcp: $(O)/harness/main.o $(O)/libextcp.a
	$(call say,LD,$@)
	$(Q)$(CC) $(SANFLAGS) -pthread -o $@ $^ $(LDFLAGS) $(LDLIBS)

# Without the sanitisers: it is mptcpd, not ours, that runs it.
$(O)/mptcpd/%.so: peers/mptcpd_%.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) -D_GNU_SOURCE -std=gnu11 -Wall -Wextra -Werror $(CFLAGS) -fPIC -shared -MMD -MP \
		$(shell pkg-config --cflags mptcpd ell 2>/dev/null) -o $@ $< $(shell pkg-config --libs mptcpd ell 2>/dev/null)

$(O)/libextcp.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(O)/%.o: %.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLFLAGS) -c -o $@ $<

$(O)/%.bpf.o: %.bpf.c
	$(call say,BPF,$<)
	$(Q)mkdir -p $(@D) && $(CLANG) $(BPFFLAGS) -c -o $@ $< && $(STRIP) -g $@

# Outside of the tree: an experiment, attach and run take the object's path.
.PHONY: program
program:
	$(Q)case '$(FILE)' in *.bpf.c) ;; *) echo "make program: FILE='$(FILE)'; accepted: FILE=path/to/NAME.bpf.c" >&2; exit 2 ;; esac
	$(call say,BPF,$(FILE))
	$(Q)$(CLANG) $(filter-out -MMD -MP,$(BPFFLAGS)) -c -o $(FILE:.c=.o) $(FILE) && $(STRIP) -g $(FILE:.c=.o)

# The objects are part of the binary; the table of all of them is what `program:` in an experiment can name.
$(O)/gen/programs_embedded.c: $(BPF_OBJ) Makefile scripts/embed-programs.sh
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D) && bash scripts/embed-programs.sh $(O) $(BPF_SRC) > $@

$(O)/gen/programs_embedded.o: $(O)/gen/programs_embedded.c
	$(call say,CC,$<)
	$(Q)$(CC) $(ALLFLAGS) -c -o $@ $<

$(O)/tests/unit/%: tests/unit/%.c $(O)/libextcp.a
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLFLAGS) $(shell pkg-config --cflags $(TESTPKGS) 2>/dev/null) -MT $@ -MF $@.d -o $@ $< \
		$(O)/libextcp.a $(LDLIBS) $(shell pkg-config --libs $(TESTPKGS) 2>/dev/null)

$(O)/tests/tools/%: tests/tools/%.c $(O)/libextcp.a
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLFLAGS) -MT $@ -MF $@.d -o $@ $< $(O)/libextcp.a $(LDLIBS)
$(O)/bench/%: bench/%.c $(O)/libextcp.a
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALLFLAGS) -MT $@ -MF $@.d -o $@ $< $(O)/libextcp.a $(LDLIBS)

setup:
	$(Q)bash scripts/setup.sh

# The set-up may install the compiler itself, so the rest runs in a make of its own.
check:
	$(Q)bash scripts/setup.sh --quiet build run check
	$(Q)$(MAKE) --no-print-directory all tools
	$(Q)bash tests/run.sh --strict

check-unit: all $(UNIT_BIN)
	$(Q)O=$(O) bash tests/run.sh --unit

check-netns: all tools
	$(Q)O=$(O) bash tests/run.sh --netns

.PHONY: tools
tools: $(UNIT_BIN) $(TOOL_BIN)

bench-gate-sim: $(O)/bench/bench_gate_sim
	$(Q)$<

bench-topology bench-link bench-decode bench-pm bench-gate: all tools
	$(Q)O=$(O) bash bench/$@.sh

lint:
	$(Q)bash scripts/lint.sh

format:
	$(Q)git ls-files '*.c' '*.h' | xargs clang-format -i

clean:
	$(Q)rm -rf build

-include $(shell find $(O) -name '*.d' 2>/dev/null)
