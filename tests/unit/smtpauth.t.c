/* smtpauth: base64 exactly as encoders make it, and PLAIN. */
#include "smtpauth.h"
#include "tap.h"

static char out[64];

/* RFC 4648 4, to hold the decoder against. */
static size_t
encode(char *to, const char *p, size_t n)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned char b[3];
	size_t i, k, len = 0;

	for (i = 0; i < n; i += 3) {
		memset(b, 0, 3);
		k = n - i < 3 ? n - i : 3;
		memcpy(b, p + i, k);
		to[len++] = abc[b[0] >> 2];
		to[len++] = abc[(b[0] & 3) << 4 | b[1] >> 4];
		to[len++] = k > 1 ? abc[(b[1] & 15) << 2 | b[2] >> 6] : '=';
		to[len++] = k > 2 ? abc[b[2] & 63] : '=';
	}
	return len;
}

static void
every_byte(void)
{
	char in[3], coded[8];
	int a, b, bad = 0;
	size_t n;

	for (a = 0; a < 256; a++)
		for (b = 0; b < 256; b++)
			for (n = 1; n <= 3; n++) {
				in[0] = (char)a;
				in[1] = (char)b;
				in[2] = (char)(a ^ b);
				if (smtpauth_base64(out, coded, encode(coded,
				    in, n)) != (long)n ||
				    memcmp(out, in, n) != 0)
					bad++;
			}
	is_int(bad, 0, "what was encoded is decoded");
}

/* All texts of four and of eight of these, most of them malformed. */
static void
malformed(void)
{
	static const char some[] = {'A', 'Q', 'w', '/', '=', ' ', '-', '\0',
	    '\r', (char)0xc3};
	enum { SOME = sizeof some };
	char in[8], back[16];
	long i, v, len, bad = 0, good = 0;
	size_t k, n;

	for (i = 0; i < (long)SOME * SOME * SOME * SOME * 2; i++) {
		n = i % 2 ? 4 : 8;
		memcpy(in, "QUJD", 4);
		for (k = n - 4, v = i / 2; k < n; k++, v /= SOME)
			in[k] = some[v % SOME];
		len = smtpauth_base64(out, in, n);
		if (len == -1)
			continue;
		good++;
		if (encode(back, out, (size_t)len) != n ||
		    memcmp(back, in, n) != 0)
			bad++;
	}
	is_int(bad, 0, "nothing else is decoded");
	/* 4^4 whole ones; 4^2 * 3 of the form xxx=, where w is none; 4 * 3 of
	 * the form xx==; each twice. */
	is_int(good, 2 * (256 + 48 + 12), "and all of that");
	is_int(smtpauth_base64(out, "", 0), 0, "nothing is nothing");
	ok(smtpauth_base64(out, "QQ", 2) == -1 &&
	    smtpauth_base64(out, "QQ=", 3) == -1 &&
	    smtpauth_base64(out, "QUI", 3) == -1 &&
	    smtpauth_base64(out, "Q", 1) == -1 &&
	    smtpauth_base64(out, "=", 1) == -1, "no padding");
	ok(smtpauth_base64(out, "QQ==QUJD", 8) == -1 &&
	    smtpauth_base64(out, "QUI=QUJD", 8) == -1 &&
	    smtpauth_base64(out, "Q===", 4) == -1 &&
	    smtpauth_base64(out, "====", 4) == -1, "padding elsewhere");
}

/* What becomes of the n bytes of text, as "result user pass". */
static void
plain(const char *text, size_t n, const char *want)
{
	const char *user, *pass;
	char got[100];

	switch (smtpauth_plain(text, n, &user, &pass)) {
	case SMTPAUTH_OK:
		snprintf(got, sizeof got, "ok %s %s", user, pass);
		break;
	case SMTPAUTH_OTHER:
		snprintf(got, sizeof got, "other %s %s", user, pass);
		break;
	default:
		snprintf(got, sizeof got, "syntax");
	}
	is_str(got, want, want);
}

int
main(void)
{
	every_byte();
	malformed();
	plain("\0u\0p", 4, "ok u p");
	plain("u\0u\0p w", 7, "ok u p w");
	plain("v\0u\0p", 5, "other u p");
	plain("u\0u2\0p", 6, "other u2 p");
	plain("\0j\xc3\xb6\0\xc3\xb6", 7, "ok j\xc3\xb6 \xc3\xb6");
	plain("", 0, "syntax");
	plain("u", 1, "syntax");
	plain("\0", 1, "syntax");
	plain("\0u", 2, "syntax");
	plain("\0u\0", 3, "syntax");
	plain("\0\0p", 3, "syntax");
	plain("\0u\0p\0", 5, "syntax");
	plain("\0u\0p\0x", 6, "syntax");
	plain("\0u\n\0p", 5, "syntax");
	plain("\0u\0p\x7f", 5, "syntax");
	return done();
}
