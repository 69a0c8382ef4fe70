/* lib/listing and lib/queueq: what is shown of a message, and what queue-run
 * says of it. */
#include <stdlib.h>

#include "listing.h"
#include "queueq.h"
#include "tap.h"

static const char env[] = "Fann@a\0Tbob@b\0Tlist@b\0Tdan@b\0";
/* Entries in the order of time: bob twice, the list's places, one done. */
static const char notes[] =
    "Hx 1\0"
    "Z0 100 4.4.1\t\tfirst reason\0"
    "Z1 101 4.2.2\tpat@c\tfull\0"
    "Z1 102 4.2.1\tquin@c\tbusy\0"
    "K1 103 2.0.0\tpat@c\tdone\0"
    "D1 104 5.1.1\trob@c\tunknown\0"
    "Z0 105 4.4.2\t\tsecond \x1breason\0"
    "X0 106 -\t\tby root: spam?\0";

static struct slot slot;
static struct buf journal, out;
static char states[] = "TTK";

static struct listing
make(const char *state)
{
	struct listing l = {.slot = &slot, .journal = &journal, .state = state,
	    .next = 200, .attempts = 3};

	memcpy(slot.head.id, "cr6jjnm3kdg7k42v", ID_LEN);
	slot.head.size = 1234;
	slot.states = states;
	envelope_parse(&slot.env, env, sizeof env);
	journal.len = 0;
	buf_add(&journal, notes, sizeof notes - 1);
	out.len = 0;
	return l;
}

static void
text(void)
{
	struct listing l = make("running");

	listing_text(&out, &l);
	is_mem(out.p, out.len,
	    "cr6jjnm3kdg7k42v*       1234 Sun Nov 22 00:30:26 ann@a\n"
	    "                                                bob@b\n"
	    "                    (second ?reason)\n"
	    "                                                list@b\n"
	    "                    (quin@c: busy)\n"
	    "                    (failed: rob@c: unknown)\n"
	    "\n", "the last reason of each that is left");
	l = make("held");
	listing_text(&out, &l);
	out.p[out.len - 1] = '\0';
	ok(strstr(out.p, "v!  ") != NULL, "a held one is marked");
	ok(strstr(out.p, "\n                    (held: by root: spam?)\n") !=
	    NULL, "with who and why");
	out.len = 0;
	listing_foot(&out, 2, 1025);
	is_mem(out.p, out.len, "-- 2 messages, 2 kbytes\n", "the last line");
}

static void
json(void)
{
	struct listing l = make("waiting");

	listing_json(&out, &l);
	is_mem(out.p, out.len,
	    "{\"id\":\"cr6jjnm3kdg7k42v\",\"size\":1234,\"time\":1795307426,"
	    "\"sender\":\"ann@a\",\"state\":\"waiting\",\"next\":200,"
	    "\"attempts\":3,\"recipients\":["
	    "{\"address\":\"bob@b\",\"state\":\"todo\","
	    "\"reason\":\"second \\u001breason\"},"
	    "{\"address\":\"list@b\",\"state\":\"todo\","
	    "\"reason\":\"quin@c: busy; rob@c: unknown\"},"
	    "{\"address\":\"dan@b\",\"state\":\"done\",\"reason\":null}]}\n",
	    "one object");
}

static void
line(const char *l, int want, const char *what)
{
	struct queueq_msg m;

	is_int(queueq_parse(&m, l, strlen(l)), want, what);
}

int
main(void)
{
	struct queueq_msg m;
	const char *l = "0000abcd cr6jjnm3kdg7k42v parked 4294967295 7 0";

	setenv("TZ", "UTC", 1);
	text();
	json();
	line(l, 0, "a line of queue-run's");
	queueq_parse(&m, l, strlen(l));
	ok(m.slot == 0xabcd && m.next == 4294967295u && m.attempts == 7 &&
	    strcmp(m.state, "parked") == 0, "its fields");
	line("", -1, "empty");
	line("0000abcd", -1, "only a slot");
	line("0000abcg cr6jjnm3kdg7k42v x 1 1 0", -1, "no slot");
	line("0000abcd short x 1 1 0", -1, "no id");
	line("0000abcd cr6jjnm3kdg7k42v averyverylongstate 1 1", -1, "state");
	line("0000abcd cr6jjnm3kdg7k42v x 4294967296 1", -1, "next");
	return done();
}
