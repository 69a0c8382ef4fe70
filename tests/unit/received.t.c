/* lib/received: the Received field. */
#include "envelope.h"
#include "received.h"
#include "tap.h"

/* The field for an envelope whose NULs are written as newlines. */
static void
field(const char *env, const char *want, const char *what)
{
	char text[1024];
	struct envelope e;
	struct buf b = {0};
	size_t i, n = strlen(env);

	for (i = 0; i < n; i++)
		text[i] = env[i] == '\n' ? '\0' : env[i];
	if (envelope_parse(&e, text, n) == -1) {
		ok(0, what);
		return;
	}
	received_add(&b, &e, "0123456789abcdef", "mx.test", 0);
	is_mem(b.p, b.len, want, what);
	buf_free(&b);
}

int
main(void)
{
	field("Fa@b\nTc@d\n\n", "Received: by mx.test (postchaise) with local "
	    "id 0123456789abcdef\n\tfor <c@d>; "
	    "Thu, 1 Jan 1970 00:00:00 +0000\n", "a plain qmail envelope");
	field("Aproto=ESMTPSA\nApeer=2001:db8::1\nApeername=c.test\nAhelo=me\n"
	    "Atls=TLSv1.3 TLS_AES_256_GCM_SHA384\nAauth=bob@mx.test\n"
	    "Fa@b\nTc@d\nTe@f\n\n",
	    "Received: from me (c.test [IPv6:2001:db8::1])\n\tby mx.test "
	    "(postchaise) with ESMTPSA id 0123456789abcdef "
	    "(TLSv1.3 TLS_AES_256_GCM_SHA384) (authenticated); "
	    "Thu, 1 Jan 1970 00:00:00 +0000\n",
	    "submission: TLS, that there was a login, never whose");
	field("Aproto=ESMTPSA\nAauth=bob\nFa@b\nTc@d\nTe@f\n\n",
	    "Received: by mx.test (postchaise) with ESMTPSA id "
	    "0123456789abcdef (authenticated); "
	    "Thu, 1 Jan 1970 00:00:00 +0000\n", "a client that is hidden");
	field("Aproto=UTF8SMTPS\nAtls=x(y) z)\nFa@b\nTc@d\nTe@f\n\n",
	    "Received: by mx.test (postchaise) with UTF8SMTPS id "
	    "0123456789abcdef (x?y? z?); Thu, 1 Jan 1970 00:00:00 +0000\n",
	    "nothing that closes a comment");
	return done();
}
