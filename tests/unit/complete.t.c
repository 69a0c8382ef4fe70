/* lib/complete: what a submission server adds to a header. */
#include <stdlib.h>

#include "complete.h"
#include "tap.h"

static struct author author = {"alice@example.test", "s@sender.test",
    "mx.test"};

/* What becomes of a message, with dates and ids made alike; "" when it stays
 * as it is. */
static const char *
made(const char *msg, int whole)
{
	static char text[2048];
	struct buf b = {0};
	char *id, *date;
	int r = complete_header(&b, msg, strlen(msg), whole, &author);

	snprintf(text, sizeof text, "%s", r == 0 ? buf_cstr(&b) : "");
	buf_free(&b);
	id = strstr(text, "Message-ID: <");
	if (id != NULL && strncmp(id + 29, "@mx.test>", 9) == 0)
		memmove(id + 11, id + 38, strlen(id + 38) + 1);
	date = strstr(text, "Date: ");
	if (date != NULL && strstr(msg, "Date:") == NULL)
		memmove(date + 5, date + 37, strlen(date + 37) + 1);
	return text;
}

int
main(void)
{
	setenv("TZ", "UTC", 1);
	is_str(made("Subject: x\n\nbody\n", 1), "Subject: x\nDate:\n"
	    "From: alice@example.test\nMessage-ID:\n\nbody\n", "all is missing");
	is_str(made("Date: d\nFrom: f\nMessage-ID: <i>\n\nb\n", 1),
	    "Date: d\nFrom: f\nMessage-ID: <i>\n\nb\n", "nothing is missing");
	is_str(made("date: d\nFROM: f\nmessage-id: <i>\nBCC: x@y,\n z@y\n"
	    "Return-Path: <q>\nTo: t\n\nBcc: b\n", 1),
	    "date: d\nFROM: f\nmessage-id: <i>\nTo: t\n\nBcc: b\n",
	    "Bcc and Return-Path go, from the header only");
	is_str(made("", 1), "Date:\nFrom: alice@example.test\nMessage-ID:\n\n",
	    "an empty message");
	is_str(made("no header\n", 1), "Date:\nFrom: alice@example.test\n"
	    "Message-ID:\n\nno header\n", "a body only");
	is_str(made("Subject: x\nFrom: f\n", 0), "",
	    "a header whose end has not come");
	is_str(made("Subject: x\nFrom: f\nDate: d\n", 1),
	    "Subject: x\nFrom: f\nDate: d\nMessage-ID:\n\n",
	    "but not when that is all");
	author.login = "bob";
	is_str(made("Date: d\nMessage-ID: <i>\n\n", 1),
	    "Date: d\nMessage-ID: <i>\nFrom: bob@mx.test\n\n",
	    "a login without a domain is ours");
	author.login = "bob\nX: y@z";
	is_str(made("Date: d\nMessage-ID: <i>\n\n", 1),
	    "Date: d\nMessage-ID: <i>\nFrom: s@sender.test\n\n",
	    "one that is no address: the sender");
	author.login = author.sender = "";
	is_str(made("Date: d\nMessage-ID: <i>\n\n", 1),
	    "Date: d\nMessage-ID: <i>\nFrom: MAILER-DAEMON@mx.test\n\n",
	    "nobody");
	return done();
}
