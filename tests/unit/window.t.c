/* lib/window: what counts, and when it is forgotten. */
#include "tap.h"
#include "window.h"

enum { HOUR = 3600 };

int
main(void)
{
	struct window w = {0};
	uint64_t t = 1795300000;
	int i, n;

	is_int((long long)window_count(&w, t, HOUR), 0, "nothing yet");
	window_add(&w, t, HOUR, 20);
	is_int((long long)window_count(&w, t, HOUR), 20, "at once");
	is_int((long long)window_count(&w, t + HOUR - 1, HOUR), 20,
	    "to the end of the hour");
	is_int((long long)window_count(&w, t + HOUR + HOUR / 2, HOUR), 10,
	    "half of it half an hour later");
	window_add(&w, t + HOUR + HOUR / 2, HOUR, 3);
	is_int((long long)window_count(&w, t + HOUR + HOUR / 2, HOUR), 13,
	    "new ones come on top");
	is_int((long long)window_count(&w, t + 2 * HOUR - 1, HOUR), 3,
	    "old ones are gone after two");
	is_int((long long)window_count(&w, t + 4 * HOUR, HOUR), 0,
	    "all are gone");

	memset(&w, 0, sizeof w);
	window_add(&w, t, HOUR, 1);
	is_int((long long)window_count(&w, t + HOUR - 1, HOUR), 1,
	    "one counts an hour");
	is_int((long long)window_count(&w, t + HOUR + 1, HOUR), 0,
	    "and no longer");

	memset(&w, 0, sizeof w);
	window_add(&w, t, HOUR, 2);
	is_int((long long)window_count(&w, t - 86400, HOUR), 2,
	    "a clock that was set back");
	is_int((long long)window_count(&w, t - 86400 + 3 * HOUR, HOUR), 0,
	    "  does not keep it longer");

	memset(&w, 0, sizeof w);
	window_add(&w, t, HOUR, 5);
	window_add(&w, t + HOUR, HOUR, 2);
	window_back(&w, 3);
	is_int(w.cur, 0, "taken back from the newer");
	is_int(w.prev, 4, "  then from the older");
	window_back(&w, 9);
	is_int(w.prev, 0, "never below nothing");
	window_add(&w, t + HOUR, HOUR, UINT32_MAX);
	window_add(&w, t + HOUR, HOUR, 10);
	is_int(w.cur, UINT32_MAX, "no overflow");

	/* Who tries as often as he may gets no more than the limit in any
	 * hour, but for the share of one. */
	memset(&w, 0, sizeof w);
	for (i = n = 0; i < HOUR; i++, t++)
		if (window_count(&w, t, HOUR) + 1 <= 20) {
			window_add(&w, t, HOUR, 1);
			n++;
		}
	is_int(n, 20, "exactly the limit in the first hour");
	for (i = n = 0; i < 10 * HOUR; i++, t++)
		if (window_count(&w, t, HOUR) + 1 <= 20) {
			window_add(&w, t, HOUR, 1);
			n++;
		}
	ok(n <= 10 * 20 + 1, "and on the average later");
	return done();
}
