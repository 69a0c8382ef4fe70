/* ASCII letters and numbers in (pointer, length) text.  Locale never. */
#ifndef STR_H
#define STR_H
#include <stddef.h>
#include <stdint.h>

char ascii_lower(char c);
/* Lower-cases in place. */
void str_lower(char *p, size_t n);
/* Is there a byte over 0x7f, as in UTF-8? */
int str_8bit(const char *p, size_t n);
/* Same text, case of ASCII letters apart? */
int str_caseeq(const char *p, size_t n, const char *lit);
int mem_caseeq(const char *a, size_t an, const char *b, size_t bn);
/* Unsigned decimal at the start of p; returns the digits used, 0 when there
 * is none or it does not fit in 64 bits. */
size_t scan_u64(const char *p, size_t n, uint64_t *out);
/* The whole of p must be a decimal number: 0, else -1. */
int parse_u64(const char *p, size_t n, uint64_t *out);
/* "30", "5m", "2h", "3d": seconds, -1 when malformed.  Default unit s. */
int parse_time(const char *s, uint64_t *out);
/* "30000", "64k", "30m", "1g" (powers of 1000 as Postoffice has them). */
int parse_size(const char *s, uint64_t *out);
#endif
