/* A short hash of an address, for file names. */
#ifndef HASH_H
#define HASH_H
#include <stddef.h>
#include <stdint.h>

/* FNV-1a, 32 bits, of the text in lower case (ASCII letters).  It tells the
 * recipients of one message apart and is no defence: see lib/maildir.h. */
uint32_t hash_caseless(const char *p, size_t n);
#endif
