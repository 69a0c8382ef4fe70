/* Dates as mail writes them. */
#ifndef DATE_H
#define DATE_H
#include <stdint.h>

#include "buf.h"

/* "Sat, 21 Nov 2026 23:31:51 +0000" (RFC 5322 3.3), in UTC so that nothing
 * reads a time zone file. */
void date_rfc5322(struct buf *b, int64_t seconds);
/* The same in the local time zone, for what people read (localtime_r). */
void date_local(struct buf *b, int64_t seconds);
/* "Sat Nov 21 23:31:51 2026": the From_ line of an mbox, UTC. */
void date_asctime(struct buf *b, int64_t seconds);
#endif
