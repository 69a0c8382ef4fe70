/* Any line as the argument of MAIL and RCPT: what is taken fits in an
 * envelope, means what it said, and comes from the line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "smtparg.h"
#include "xtext.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
check(int good)
{
	if (!good)
		abort();
}

static int
harmless(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((unsigned char)p[i] <= ' ' || p[i] == 0x7f)
			return 0;
	return n > 0 && n <= 500;
}

static void
mail(const char *p, size_t n, unsigned extensions)
{
	struct smtparg_mail m;
	struct buf b = {0};
	const char *no = smtparg_mail(&m, p, n, extensions);

	if (no != NULL) {
		check(no[0] == '5' && no[4] == '5');
		return;
	}
	check(m.body == 0 || m.body == 7 || m.body == 8);
	if (m.envid != NULL) {
		check(m.envid > p && m.envid + m.envidlen <= p + n &&
		    harmless(m.envid, m.envidlen) && m.envidlen <= 100 &&
		    xtext_decode(&b, m.envid, m.envidlen) == 0);
		buf_free(&b);
	}
	check((extensions & SMTPARG_DSN) != 0 ||
	    (m.ret == NULL && m.envid == NULL));
}

static void
rcpt(const char *p, size_t n, unsigned extensions)
{
	struct smtparg_rcpt r, again;
	struct buf b = {0};

	if (smtparg_rcpt(&r, p, n, extensions) != NULL)
		return;
	if (r.orcpt != NULL)
		check(r.orcpt > p && r.orcpt + r.orcptlen <= p + n &&
		    harmless(r.orcpt, r.orcptlen) &&
		    memchr(r.orcpt, ';', r.orcptlen) != NULL);
	if (r.notify == 0)
		return;
	buf_str(&b, "NOTIFY=");
	smtparg_notify(&b, r.notify);
	check(smtparg_rcpt(&again, b.p, b.len, extensions) == NULL &&
	    again.notify == r.notify);
	buf_free(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	struct buf b = {0};
	char helo[100];
	int utf8;
	size_t n = size - 1;

	if (size < 2 || memchr(p, '\0', n) || memchr(p, '\n', n) ||
	    memchr(p, '\r', n))
		return 0;
	utf8 = (data[0] & SMTPARG_UTF8) != 0;
	if (smtparg_helo(helo, sizeof helo, p, n) == 0)
		check(harmless(helo, n) && helo[n] == '\0');
	if (smtparg_path("TO:", &p, &n, utf8, &b) == ADDR_OK)
		check(b.len == 0 || addr_valid(b.p, b.len, utf8));
	else
		check(b.len == 0);
	mail(p, n, data[0]);
	rcpt(p, n, data[0]);
	buf_free(&b);
	return 0;
}
