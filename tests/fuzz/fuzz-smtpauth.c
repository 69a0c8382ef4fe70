/* Any bytes as an answer to AUTH: what is decoded is encoded as it came, and
 * a login has two texts within what was decoded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "smtpauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The n bytes are those that RFC 4648 4 writes for out[0..len)? */
static int
encodes(const char *out, size_t len, const char *p, size_t n)
{
	static const char abc[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned long v;
	size_t i, k;

	if (n != (len + 2) / 3 * 4)
		return 0;
	for (i = 0; i < n; i += 4) {
		for (v = 0, k = 0; k < 3; k++)
			v = v << 8 | (i / 4 * 3 + k < len
			    ? (unsigned char)out[i / 4 * 3 + k] : 0);
		for (k = 0; k < 4; k++)
			if (p[i + k] != (i / 4 * 3 + k > len ? '='
			    : abc[v >> (18 - 6 * k) & 63]))
				return 0;
	}
	return 1;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *out = malloc(size / 4 * 3 + 1);
	const char *user, *pass;
	long len = smtpauth_base64(out, (const char *)data, size);

	if (len == -1)
		goto out;
	if (!encodes(out, (size_t)len, (const char *)data, size))
		abort();
	out[len] = '\0';
	if (smtpauth_plain(out, (size_t)len, &user, &pass) != SMTPAUTH_SYNTAX)
		if (user <= out || *user == '\0' || *pass == '\0' ||
		    pass != user + strlen(user) + 1 ||
		    pass + strlen(pass) != out + len)
			abort();
out:
	free(out);
	return 0;
}
