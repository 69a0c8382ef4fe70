# postchaise.  `make help` lists the targets.
include config.mk

# Linked against libc only, statically where musl is there.
LEAN := smtp-recv queue-inject queue-start queue-run queue-list queue-edit deliver-spawn \
        deliver-mbox deliver-vhost deliver-pipe deliver-smtp include-read \
        bounce-build mail-submit route-explain
# Linked with the system's compiler and the library beside the name.
SYS  := alias-compile mx-lookup user-lookup tls-serve auth-check auth-system \
        check-rate conn-gate
LDLIBS_alias-compile = -lcdb
LDLIBS_mx-lookup     = -lunbound
LDLIBS_tls-serve     = -lssl -lcrypto
LDLIBS_auth-check    = -laprutil-1 -lcrypt
CPPFLAGS_auth-check  = $(shell apu-1-config --includes 2>/dev/null)
LDLIBS_auth-system   = $(if $(wildcard /usr/include/security/pam_appl.h),-lpam) -lcrypt
LDLIBS_check-rate    = -llmdb
LDLIBS_conn-gate     = -lwrap

# Some systems have no libwrap; the services then go without conn-gate.
ifeq ($(wildcard /usr/include/tcpd.h /usr/local/include/tcpd.h),)
SYS  := $(filter-out conn-gate,$(SYS))
endif
# A name without a source yet is left out, so that a part can be built alone.
LEAN := $(foreach p,$(LEAN),$(if $(wildcard $p.c),$p))
SYS  := $(foreach p,$(SYS),$(if $(wildcard $p.c),$p))
PROGS := $(LEAN) $(SYS)

LIBSRC := $(wildcard lib/*.c)
DEFS   := -std=c11 -D_GNU_SOURCE -iquote lib -DPC_ROOT='"$(ROOT)"' -DPC_LIBEXEC='"$(LIBEXEC)"'
GC     := -ffunction-sections -fdata-sections
B      := build

all: $(addprefix bin/,$(PROGS))

$(B)/lean/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(LEANCC) $(DEFS) $(CFLAGS) $(GC) -MMD -MP -c -o $@ $<
$(B)/sys/%.o: %.c config.mk
	@mkdir -p $(@D)
	$(CC) $(DEFS) $(CPPFLAGS_$*) $(CFLAGS) $(GC) -MMD -MP -c -o $@ $<

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
LDLIBS_unit-route = -lcdb
LDLIBS_unit-expand = -lcdb
LDLIBS_unit-spawnreq = -lcdb
LDLIBS_unit-policy = -lcdb
LDLIBS_unit-checks = -lcdb
LDLIBS_unit-login = -lcdb
LDLIBS_unit-ratelimit = -lcdb
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

# Or only TESTS, JOBS at a time.
JOBS := 2
check: all tools
	prove -j$(JOBS) $(or $(TESTS),$(UNIT) tests/prog/ tests/flow/)

clean:
	rm -rf $(B) $(addprefix bin/,$(PROGS))

# Installation.  `modes' says who owns what; bin/add-users makes the users.
# One file each in LIBEXEC; what people start by hand are links to it.
D      := $(DESTDIR)
PEOPLE := alias-compile queue-list queue-edit route-explain mail-submit \
          check-rate
LINKS  := sendmail runq mailq newaliases
install: all
	install -d $D$(LIBEXEC) $D$(SBINDIR) $D$(RUNDIR) \
	    $(addprefix $D$(MANDIR)/man,1 5 7 8) \
	    $(addprefix $D$(ROOT),/etc/postchaise /etc/virtual /var/log /var/lib)
	DESTDIR=$D LIBEXEC=$(LIBEXEC) RUNDIR=$(RUNDIR) ROOT=$(ROOT) \
	    PROGS='$(PROGS)' bin/install-modes
	for p in $(PEOPLE); do ln -sf $(LIBEXEC)/$$p $D$(SBINDIR)/$$p; done
	for l in $(LINKS); do \
	    ln -sf $(LIBEXEC)/mail-submit $D$(SBINDIR)/$$l; done
	ln -sf queue-inject $D$(LIBEXEC)/qmail-queue
	for m in man/*.[1578]; do \
	    install -m 644 $$m $D$(MANDIR)/man$${m##*.}/; done

# Configuration, queue, logs, mail and users stay.
uninstall:
	cd $D$(SBINDIR) && rm -f $(PEOPLE) $(LINKS)
	cd $D$(MANDIR) && rm -f $(patsubst man/%,man?/%,$(wildcard man/*.[1578]))
	rm -rf $D$(LIBEXEC) $D$(RUNDIR)

lint:
	tests/tools/lint $(PROGS)

# make -j2 fuzz SECS=600: every target, two at a time; what crashed one is in
# build/fuzz/TARGET-crash-*, what it said in build/fuzz/TARGET.log.
SECS := 30
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz-*.c))
FUZZFLAGS := -g -O1 -fno-sanitize-recover=undefined \
             -fsanitize=address,undefined
$(B)/fuzz/sys/libmail.a: $(LIBSRC) $(wildcard lib/*.h)
	$(MAKE) B=$(B)/fuzz CC=clang CFLAGS='$(FUZZFLAGS),fuzzer-no-link' $@
$(B)/fuzz/fuzz-%: tests/fuzz/fuzz-%.c $(B)/fuzz/sys/libmail.a
	@mkdir -p $(@D)/new-$(@F)
	clang $(DEFS) $(FUZZFLAGS),fuzzer -o $@ $^
fuzz: $(FUZZ:%=%.run)
$(B)/fuzz/%.run: $(B)/fuzz/%
	@$< -max_total_time=$(SECS) -timeout=10 -print_final_stats=1 \
	    -artifact_prefix=$<- $(B)/fuzz/new-$* tests/data/$* \
	    >$<.log 2>&1 || { tail -n 40 $<.log; exit 1; }
	@sed -n 's/^stat::number_of_executed_units: */$*: runs /p' $<.log

# All tests once more with the sanitizers, or what TESTS says; bin/ is built
# anew after it.  What they report about a program that no test watches is in
# build/asan as well.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
            -fno-omit-frame-pointer
ASANDIR  := $(CURDIR)/$(B)/asan
asan:
	$(MAKE) clean
	mkdir -m 1777 -p $(ASANDIR)
	$(CC) -DLOGS='"$(ASANDIR)"' -c -o $(B)/sanitize.o tests/sanitize.c
	PC_SANITIZE=1 $(MAKE) LEANCC='$(CC)' LEANLD= OPT='-O1 -g $(SANITIZE)' \
	    LDFLAGS='$(SANITIZE) $(CURDIR)/$(B)/sanitize.o' check; code=$$?; \
	cat $(ASANDIR)/report.* 2>/dev/null && code=1; \
	$(MAKE) clean; exit $$code

# The same with valgrind, which takes longer: the unit tests and tests/prog, or
# what TESTS says.
valgrind:
	$(MAKE) clean
	$(MAKE) LEANCC='$(CC)' LEANLD= OPT='-O1 -g' all tools
	CC='$(CC)' TESTS='$(TESTS)' JOBS=$(JOBS) \
	    tests/tools/valgrind-tests $(PROGS); \
	code=$$?; $(MAKE) clean; exit $$code

# What compilers see without running anything.  Checks that are off, and
# findings that are none, are in .clang-tidy and tests/cppcheck, or in the
# source with NOLINT, each with the reason.
ANALYZED := $(PROGS:%=%.c) $(LIBSRC)
analyze: $(ANALYZED:%.c=$(B)/analyze/%.ok)
	@cppcheck --quiet --error-exitcode=1 --enable=warning,portability \
	    --suppressions-list=tests/cppcheck --library=posix,gnu -Ilib \
	    -D_GNU_SOURCE -DPC_ROOT='""' -DPC_LIBEXEC='""' $(ANALYZED)
$(B)/analyze/%.ok: %.c .clang-tidy config.mk
	@mkdir -p $(@D)
	@echo analyze $<
	@gcc $(DEFS) $(CPPFLAGS_$*) $(CFLAGS) -Wconversion -fanalyzer -Werror \
	    -MMD -MP -MT $@ -c -o $(@:.ok=.o) $<
	@clang-tidy --quiet $< -- $(DEFS) $(CPPFLAGS_$*) $(CFLAGS) 2>/dev/null
	@touch $@

# Every program of the queue's way, killed or failed at every system call.
faults: all tools
	tests/tools/fault -o $(B)/faults.log

# Much mail through two systems while programs are killed and the disk fills.
# make soak N=20000 is a short one.
N := 200000
soak: all tools
	tests/tools/soak -n $(N) -o $(B)/soak.log

# Power cuts: by a log of file operations, and of a block device (root).
powercut: all tools
	nice tests/tools/powercut -n 600 -s 45 -o $(B)/powercut.log

# The queue's protocol: every state of a model of it, where spin is installed.
model:
	CC='$(CC)' tests/tools/model

help:
	@echo 'all check lint analyze asan valgrind fuzz faults soak powercut model install uninstall clean'

.PHONY: all tools check clean help install uninstall lint analyze fuzz asan valgrind faults soak \
        powercut model
.SECONDARY:
-include $(wildcard $(B)/*/*.d $(B)/*/lib/*.d)
