#include "window.h"

/* Moves the spans so that now is in the newer one. */
static void
move(struct window *w, uint64_t now, uint64_t len)
{
	if (w->cur == 0 && w->prev == 0)
		w->start = now;
	if (now < w->start)
		w->start = now; /* the clock was set back */
	if (now - w->start < len)
		return;
	if (now - w->start < 2 * len) {
		w->prev = w->cur;
		w->start += len;
	} else {
		w->prev = 0;
		w->start = now;
	}
	w->cur = 0;
}

uint64_t
window_count(struct window *w, uint64_t now, uint64_t len)
{
	move(w, now, len);
	return w->cur + w->prev * (len - (now - w->start)) / len;
}

void
window_add(struct window *w, uint64_t now, uint64_t len, uint32_t n)
{
	move(w, now, len);
	w->cur = w->cur > UINT32_MAX - n ? UINT32_MAX : w->cur + n;
}

void
window_back(struct window *w, uint32_t n)
{
	uint32_t cur = w->cur < n ? w->cur : n;

	w->cur -= cur;
	n -= cur;
	w->prev -= w->prev < n ? w->prev : n;
}
