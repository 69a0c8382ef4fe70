# postchaise.  `make help` lists the targets.
include config.mk

# Linked against libc only, statically where musl is there.
LEAN := smtp-recv queue-inject queue-start queue-run queue-list deliver-spawn \
        deliver-mbox deliver-vhost deliver-pipe deliver-smtp include-read \
        bounce-build mail-submit route-explain
# Linked with the system's compiler and the library beside the name.
SYS  := alias-compile mx-lookup user-lookup
LDLIBS_alias-compile = -lcdb
LDLIBS_mx-lookup     = -lunbound

# A name without a source yet is left out, so that a part can be built alone.
LEAN := $(foreach p,$(LEAN),$(if $(wildcard $p.c),$p))
SYS  := $(foreach p,$(SYS),$(if $(wildcard $p.c),$p))
PROGS := $(LEAN) $(SYS)

LIBSRC := $(wildcard lib/*.c)
DEFS   := -std=c11 -D_GNU_SOURCE -Ilib -DPC_ROOT='"$(ROOT)"' -DPC_LIBEXEC='"$(LIBEXEC)"'
GC     := -ffunction-sections -fdata-sections
B      := build

all: $(addprefix bin/,$(PROGS))

$(B)/lean/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(LEANCC) $(DEFS) $(CFLAGS) $(GC) -MMD -MP -c -o $@ $<
$(B)/sys/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(CC) $(DEFS) $(CFLAGS) $(GC) -MMD -MP -c -o $@ $<

$(B)/lean/libmail.a: $(LIBSRC:%.c=$(B)/lean/%.o)
	@rm -f $@; ar rcs $@ $^
$(B)/sys/libmail.a: $(LIBSRC:%.c=$(B)/sys/%.o)
	@rm -f $@; ar rcs $@ $^

$(addprefix bin/,$(LEAN)): bin/%: $(B)/lean/%.o $(B)/lean/libmail.a
	$(LEANCC) $(LEANLD) $(LDFLAGS) -Wl,--gc-sections -o $@ $^
$(addprefix bin/,$(SYS)): bin/%: $(B)/sys/%.o $(B)/sys/libmail.a
	$(CC) $(LDFLAGS) -Wl,--gc-sections -o $@ $^ $(LDLIBS_$*)

# Unit tests and helpers of the tests: tests/unit/X.t.c and tests/tools/X.c.
UNIT  := $(patsubst tests/unit/%.t.c,$(B)/unit/%.t,$(wildcard tests/unit/*.t.c))
TOOLS := $(patsubst %.c,$(B)/%,$(wildcard tests/tools/*.c bench/*.c))
LDLIBS_unit-map = -lcdb
$(B)/unit/%.t: tests/unit/%.t.c tests/tap.h $(B)/sys/libmail.a
	@mkdir -p $(@D)
	$(CC) $(DEFS) -Itests $(CFLAGS) -o $@ $< $(B)/sys/libmail.a $(LDLIBS_unit-$*)
$(B)/tests/tools/%: tests/tools/%.c $(B)/sys/libmail.a
	@mkdir -p $(@D)
	$(CC) $(DEFS) $(CFLAGS) -o $@ $< $(B)/sys/libmail.a
$(B)/bench/%: bench/%.c
	@mkdir -p $(@D)
	$(CC) $(DEFS) $(CFLAGS) -o $@ $< -lpthread

tools: $(UNIT) $(TOOLS)

check: all tools
	prove -j2 $(UNIT) tests/prog/ tests/flow/

clean:
	rm -rf $(B) $(addprefix bin/,$(PROGS))

help:
	@echo 'all check lint fuzz asan install clean'

.PHONY: all tools check clean help
.SECONDARY:
-include $(wildcard $(B)/*/*.d $(B)/*/lib/*.d)
