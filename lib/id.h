/* Message ids: 16 characters, 10 of time and 6 of chance. */
#ifndef ID_H
#define ID_H
#include <stddef.h>
#include <stdint.h>

enum { ID_LEN = 16 };

/* Writes ID_LEN characters (0-9 and lower-case letters without i, l, o, u)
 * and a NUL.  Ids sort by time (units of 4 microseconds). */
void id_make(char out[ID_LEN + 1]);
/* Microseconds since 1970 in an id. */
uint64_t id_time(const char *id);
int id_valid(const char *p, size_t n);
#endif
