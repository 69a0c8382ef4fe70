# Where things go and who runs them. Override on the command line:
#	make PREFIX=/usr install DESTDIR=/tmp/root
PREFIX     = /usr/local
# The programs that the services start, and the ones that people run.
LIBEXEC    = $(PREFIX)/libexec/postchaise
SBINDIR    = $(PREFIX)/sbin
MANDIR     = $(PREFIX)/share/man
RUNDIR     = $(PREFIX)/share/postchaise/run
# Configuration is below $(ROOT)/etc, the queue below $(ROOT)/var: empty on
# a real host.  PC_PREFIX overrides it where nothing set-id is involved.
ROOT       =

CC         = cc
OPT        = -O2 -g
WARN       = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
             -Wpointer-arith -Wvla -Wformat=2 -Wno-unused-parameter
CFLAGS     = $(OPT) $(WARN)
LDFLAGS    =
# What runs per connection, message or delivery is linked statically against
# musl where the machine has it.  LEANCC=cc LEANLD= builds it like the rest.
LEANCC    := $(shell command -v musl-gcc 2>/dev/null || echo $(CC))
# Each page and mapping costs at every start.  A static program has nothing to
# relocate, so nothing to protect after it either; code and constants share a
# mapping; and small variables stand together, behind the large ones.
LEANLD    := $(shell command -v musl-gcc >/dev/null 2>&1 && echo -static \
	     -Wl,-z,noseparate-code,-z,norelro,--sort-section=alignment)
