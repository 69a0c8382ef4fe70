#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "edit.h"
#include "journal.h"
#include "log.h"

/* The next word of a line; what is behind it stays in *line. */
static char *
word(char **line)
{
	char *w = *line;
	size_t n = strcspn(w, " ");

	*line = w + n + (w[n] == ' ');
	w[n] = '\0';
	return w;
}

/* The state in the slot's head, durable. */
static const char *
mark(struct store *s, struct slot *slot, int state, char kind,
    const char *text)
{
	struct journal_entry e = {.kind = kind, .time = time(NULL),
	    .status = "-", .place = "", .text = text};

	slot->head.state = (uint8_t)state;
	if (slot_mark(slot->fd, &slot->head) == -1 ||
	    fdatasync(slot->fd) == -1)
		return "no the slot could not be written";
	if (kind != '\0' && journal_add(slot, s->qdir, &e, 1) == -1)
		log_warn("queue-mark", "id=%.*s err=%m", ID_LEN,
		    slot->head.id);
	return "ok";
}

/* A message in a list is left there: its turn shows that the slot is free. */
static const char *
remove_message(struct store *s, struct msg *m, struct slot *slot)
{
	char name[32];
	const char *r;

	if (m->state == MSG_WAITING || m->state == MSG_HELD)
		return store_done(s, m, slot, 1) == 0 ? "ok"
		    : "no the slot could not be written";
	r = mark(s, slot, SLOT_FREE, '\0', "");
	if (strcmp(r, "ok") == 0) {
		slot_body_name(name, slot->head.id);
		unlinkat(s->qdir, name, 0);
		journal_remove(s->qdir, slot->num);
	}
	return r;
}

static const char *
change(struct store *s, struct msg *m, struct slot *slot, const char *verb,
    const char *text)
{
	const char *r;

	if (strcmp(verb, "remove") == 0)
		return remove_message(s, m, slot);
	if (strcmp(verb, "hold") == 0) {
		m->noted = 1;
		r = mark(s, slot, SLOT_HELD, JOURNAL_HOLD, text);
		if (m->state == MSG_WAITING && strcmp(r, "ok") == 0)
			store_hold(s, m);
		return r;
	}
	if (strcmp(verb, "release") == 0) {
		if (slot->head.state != SLOT_HELD)
			return "no it is not held";
		m->noted = 1;
		r = mark(s, slot, SLOT_QUEUED, JOURNAL_RELEASE, text);
		if (m->state == MSG_HELD && strcmp(r, "ok") == 0)
			store_ready(s, m);
		return r;
	}
	if (strcmp(verb, "retry") != 0)
		return "no such verb";
	if (m->state == MSG_WAITING)
		store_ready(s, m);
	return m->state == MSG_HELD ? "no it is held" : "ok";
}

const char *
edit_message(struct store *s, char *line)
{
	char *verb = word(&line), *number = word(&line), *id = word(&line);
	struct slot slot = {.fd = -1};
	struct msg *m;
	const char *r;
	uint32_t num;

	if (strlen(number) != 8 || slot_number(number, &num) == -1 ||
	    !id_valid(id, strlen(id)))
		return "no message is named so";
	m = store_find(s, num);
	if (m == NULL || memcmp(m->id, id, ID_LEN) != 0)
		return "no such message";
	if (m->state == MSG_ACTIVE)
		return "no it is being delivered now";
	if (slot_load(&slot, s->qdir, num, O_RDWR) == -1)
		return "no the slot cannot be read";
	r = change(s, m, &slot, verb, line);
	log_info("msg-edit", "id=%s verb=%s answer=%s text=%s", id, verb, r,
	    line);
	slot_close(&slot);
	buf_free(&slot.data);
	return r;
}
