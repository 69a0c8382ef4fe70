#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "workmsg.h"
#include "paths.h"
#include "report.h"

/* An order fits into ORDER_MAX with one more recipient. */
enum { REPORT_MAX = 48000 };

static int
same_sender(const struct goal *a, const struct goal *b)
{
	return a->sender == b->sender || (a->sender != NULL &&
	    b->sender != NULL && strcmp(a->sender, b->sender) == 0);
}

static void
extra_num(struct buf *b, const char *name, unsigned long long n)
{
	char t[24];

	snprintf(t, sizeof t, "%llu", n);
	record_attr(b, 'X', name, t);
}

/* What happened to the recipient, and how it was said.  Of a success the
 * sender learns what another host said, not what our programs do. */
static void
add_fate(struct buf *b, const struct goal *g, enum dsn_kind kind)
{
	struct buf t = {0};
	const char *text = g->text;
	size_t n;

	if (kind == DSN_SUCCESS) {
		n = strcspn(text, " ");
		buf_add(&t, text, n);
		text += n + (text[n] == ' ');
	} else {
		buf_str(&t, kind == DSN_DELAY ? "delayed" : "failed");
	}
	record_attr(b, 'a', "action", buf_cstr(&t));
	record_attr(b, 'a', "status", g->status);
	if (kind != DSN_SUCCESS || strcmp(t.p, "relayed") == 0) {
		t.len = 0;
		buf_add(&t, text, strnlen(text, 900));
		record_attr(b, 'a', "text", buf_cstr(&t));
	}
	buf_free(&t);
}

static void
add_goal(struct buf *b, const struct work *w, const struct goal *g,
    enum dsn_kind kind)
{
	const struct recipient *root = &w->root[g->root];
	const char *p;

	record_adds(b, 'T', g->addr);
	add_fate(b, g, kind);
	if (strcmp(g->addr, root->addr) != 0 && root->len < 900)
		record_attr(b, 'a', "orig", root->addr);
	for (p = root->attrs; p < root->end; p += strlen(p) + 1)
		if (strncmp(p, "aorcpt=", 7) == 0)
			buf_add(b, p, strlen(p) + 1);
}

/* The order for bounce-build without its recipients. */
static void
begin(struct buf *b, const struct work *w, const struct map *table,
    enum dsn_kind kind, const char *sender)
{
	static const char *const reasons[] = {"bounce", "delay", "success"};
	uint64_t arrived = id_time(w->slot.head.id) / 1000000;
	const char *f = w->slot.env.sender - 1;

	buf_fmt(b, "I%.16s", w->slot.head.id);
	buf_byte(b, '\0');
	record_attr(b, 'X', "hostname", setting(table, "hostname"));
	record_attr(b, 'X', "reason", reasons[kind]);
	record_attr(b, 'X', "doubleto", setting(table, "double-bounce-to"));
	extra_num(b, "arrived", arrived);
	extra_num(b, "until", arrived + setting_num(table, "qreturn"));
	buf_add(b, w->slot.env.attrs, (size_t)(f - w->slot.env.attrs));
	record_adds(b, 'F', sender);
}

static int
start(const struct work *w, const struct buf *order)
{
	char *argv[] = {"bounce-build", NULL}, *path;
	struct child_fd map[2];
	int message, fd;
	pid_t pid = -1;

	message = workmsg_open(w);
	fd = workmsg_file(w->qdir, order->p, order->len);
	if (message != -1 && fd != -1) {
		map[0] = (struct child_fd){message, 0};
		map[1] = (struct child_fd){fd, 3};
		path = path_program("bounce-build");
		pid = child_start(path, argv, NULL, map, 2, NULL);
		free(path);
	}
	if (message != -1)
		close(message);
	if (fd != -1)
		close(fd);
	return pid;
}

int
report_start(struct work *w, const struct map *table, enum dsn_kind kind,
    unsigned *goal, unsigned *n)
{
	static const enum goal_state states[] = {GOAL_FAILED, GOAL_DEFERRED,
	    GOAL_ARRIVED};
	const struct goal *g, *first = NULL;
	struct buf order = {0};
	unsigned i;
	int r;

	*n = 0;
	for (i = 0; i < w->ngoal; i++) {
		g = &w->goal[i];
		/* What has arrived is told, or would have another state. */
		if (g->state != states[kind] || (kind != DSN_SUCCESS &&
		    !work_report_wanted(w, g, kind)) ||
		    (first != NULL && !same_sender(first, g)))
			continue;
		if (first == NULL) {
			first = g;
			begin(&order, w, table, kind,
			    g->sender ? g->sender : work_sender(w));
		}
		add_goal(&order, w, g, kind);
		goal[(*n)++] = i;
		if (order.len > REPORT_MAX)
			break; /* the rest is another report's */
	}
	if (first == NULL)
		return 0;
	buf_byte(&order, '\0');
	r = start(w, &order);
	buf_free(&order);
	return r;
}
