/* Text as sendmail(8) reads it: CRLF becomes LF, a lone dot may end it. */
#ifndef TEXTIN_H
#define TEXTIN_H
#include "buf.h"

/* Set dots, the rest to zero, and bol to 1: TEXTIN(dots). */
struct textin {
	int dots;       /* a line that is one dot ends the input */
	int bol;        /* at the beginning of a line */
	unsigned nheld; /* bytes of held that wait for what follows */
	char held[2];   /* CR, dot, or dot and CR */
	int ended;      /* the dot was seen */
};
#define TEXTIN(dots) {(dots), 1, 0, {0, 0}, 0}

/* Appends what p makes to out; whatever follows the dot is not looked at. */
void textin_add(struct textin *t, struct buf *out, const char *p, size_t n);
/* End of file: appends what was held back. */
void textin_end(struct textin *t, struct buf *out);
#endif
