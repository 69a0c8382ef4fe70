#include <sys/socket.h>
#include <sys/wait.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "kids.h"
#include "packet.h"
#include "paths.h"

/* The environment of every delivery program, whoever's. */
struct environment {
	char *v[10];
	size_t at[10];
	int n;
	struct buf text;
};

static void
env_add(struct environment *e, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0' || e->n >= 9)
		return;
	/* Offsets first: text may still move. */
	e->at[e->n++] = e->text.len;
	buf_fmt(&e->text, "%s=%s", name, value);
	buf_byte(&e->text, '\0');
}

static void
env_make(struct environment *e, const struct spawnplan *plan)
{
	int i;

	memset(e, 0, sizeof *e);
	env_add(e, "PATH", "/usr/local/bin:/usr/bin:/bin");
	env_add(e, "PC_PREFIX", getenv("PC_PREFIX"));
	env_add(e, "PC_PATH", getenv("PC_PATH"));
	env_add(e, "TZ", getenv("TZ"));
	env_add(e, "USER", plan->user);
	env_add(e, "LOGNAME", plan->user);
	env_add(e, "HOME", plan->home);
	for (i = 0; i < e->n; i++)
		e->v[i] = e->text.p + e->at[i];
}

static int
fits(const struct kid *c, const struct spawnplan *plan)
{
	return c->keep && c->sock != -1 && c->program == plan->program &&
	    c->uid == plan->uid && c->gid == plan->gid;
}

/* A child that has orders for the very mailbox, and room for one more. */
static struct kid *
find_same(struct kids *k, const struct spawnplan *plan, const char *dest)
{
	struct kid *c;

	if (plan->box == 0)
		return NULL;
	for (c = k->kid; c < k->kid + k->n; c++)
		if (c->box == plan->box && c->norders > 0 &&
		    c->norders < KID_ORDERS && fits(c, plan) &&
		    strcmp(c->dest, dest) == 0)
			return c;
	return NULL;
}

/* An idle child of the same program and ids; one whose last destination was
 * the same if there is one, since it may still have a connection there. */
static struct kid *
find_idle(struct kids *k, const struct spawnplan *plan, const char *dest)
{
	struct kid *c, *found = NULL;

	for (c = k->kid; c < k->kid + k->n; c++) {
		if (c->norders > 0 || !fits(c, plan))
			continue;
		found = c;
		if (strcmp(c->dest, dest) == 0)
			break;
	}
	return found;
}

/* Starts the program on a new socket pair; sock[0] is ours. */
static pid_t
start(struct kids *k, const struct spawnplan *plan, int message, int sock[2])
{
	struct child_user u = {plan->uid, plan->gid, NULL, 0, NULL};
	char *argv[] = {(char *)(uintptr_t)plan->program,
	    plan->keep ? "-k" : NULL, NULL};
	struct child_fd map[4];
	struct environment env;
	size_t n = 0;
	char *path;
	pid_t pid;

	if (packet_pair(sock) == -1)
		return -1;
	/* One that does not take its orders holds up nobody else. */
	fd_nonblock(sock[0]);
	if (!plan->keep)
		map[n++] = (struct child_fd){message, 0};
	map[n++] = (struct child_fd){sock[1], 1};
	map[n++] = (struct child_fd){sock[1], 3};
	if (k->lock != -1)
		map[n++] = (struct child_fd){k->lock, 4};
	path = path_program(plan->program);
	env_make(&env, plan);
	pid = child_start(path, argv, env.v, map, n, &u);
	free(path);
	buf_free(&env.text);
	close(sock[1]);
	if (pid == -1)
		close(sock[0]);
	return pid;
}

static void
remove_kid(struct kids *k, int i)
{
	if (k->kid[i].sock != -1)
		close(k->kid[i].sock);
	buf_free(&k->kid[i].out);
	k->kid[i] = k->kid[--k->n];
}

/* An idle child that has died is found out when an order is sent to it; one
 * that only closed its socket is not waited for. */
static void
bury(struct kids *k, struct kid *c)
{
	close(c->sock);
	c->sock = -1;
	kill(c->pid, SIGKILL);
	child_wait(c->pid);
	remove_kid(k, (int)(c - k->kid));
}

/* The table is full: an idle child goes. */
static int
make_room(struct kids *k)
{
	int i;

	for (i = 0; i < k->n; i++) {
		if (k->kid[i].norders > 0 || k->kid[i].sock == -1)
			continue;
		bury(k, &k->kid[i]);
		return 1;
	}
	return 0;
}

static struct kid *
add_kid(struct kids *k, const struct spawnplan *plan, int message)
{
	struct kid *c;
	int sock[2];
	pid_t pid;

	if (k->n == KIDS_MAX && !make_room(k)) {
		errno = EAGAIN;
		return NULL;
	}
	pid = start(k, plan, message, sock);
	if (pid == -1)
		return NULL;
	c = &k->kid[k->n++];
	memset(c, 0, sizeof *c);
	c->pid = pid;
	c->sock = sock[0];
	c->keep = plan->keep;
	c->program = plan->program;
	c->uid = plan->uid;
	c->gid = plan->gid;
	return c;
}

int
kids_start(struct kids *k, const struct spawnplan *plan,
    const struct spawnreq *req, int message)
{
	struct buf order = {0};
	struct kid *c = NULL;
	int r = -1;

	/* I and B, then what was looked up, then the envelope. */
	buf_add(&order, req->order, (size_t)(req->envelope - req->order));
	buf_add(&order, plan->extra.p, plan->extra.len);
	buf_add(&order, req->envelope, req->envlen);
	c = find_same(k, plan, req->dest);
	if (c != NULL && (r = packet_send(c->sock, order.p, order.len,
	    message)) == -1)
		c = NULL; /* its end is seen when it is read */
	while (c == NULL && plan->keep && (c = find_idle(k, plan, req->dest)) != NULL) {
		r = packet_send(c->sock, order.p, order.len, message);
		if (r == 0)
			break;
		bury(k, c);
		c = NULL;
	}
	if (c == NULL) {
		c = add_kid(k, plan, message);
		if (c != NULL)
			r = packet_send(c->sock, order.p, order.len,
			    plan->keep ? message : -1);
		/* It has ended already: kids_read sees what it said. */
		if (c != NULL && r == -1 &&
		    (errno == EPIPE || errno == ECONNRESET))
			r = 0;
		if (c != NULL && !plan->keep)
			shutdown(c->sock, SHUT_WR);
	}
	if (c != NULL && r == 0) {
		if (c->norders == 0)
			c->deadline = clock_ms() + k->limit;
		c->number[c->norders++] = req->number;
		c->box = plan->box;
		snprintf(c->dest, sizeof c->dest, "%s", req->dest);
	} else if (c != NULL) {
		bury(k, c);
	}
	buf_free(&order);
	return r;
}

/* Length of the first answer of a -k program, which ends with an empty line; 0
 * while it is not whole. */
static size_t
first_answer(const struct buf *out)
{
	const char *p;

	if (out->len > 0 && out->p[0] == '\n')
		return 1;
	p = out->len > 0 ? memmem(out->p, out->len, "\n\n", 2) : NULL;
	return p != NULL ? (size_t)(p - out->p) + 2 : 0;
}

/* Has the child ended?  Its socket is closed; one that does not end then, or
 * whose user has stopped it, holds up nothing. */
static void
reap(struct kid *c)
{
	int status;
	pid_t r = waitpid(c->pid, &status, WNOHANG);

	if (r == 0) {
		if (clock_ms() - c->idle_since > KID_END_MS)
			kill(c->pid, SIGKILL);
		return;
	}
	c->ended = 1;
	c->code = r == c->pid ? child_code(status) : 111;
}

void
kids_read(struct kids *k, int i)
{
	struct kid *c = &k->kid[i];
	ssize_t n;

	if (c->sock == -1) {
		reap(c);
		return;
	}
	/* A packet is read whole or cut. */
	buf_room(&c->out, PACKET_MAX);
	n = read(c->sock, c->out.p + c->out.len, c->out.cap - c->out.len);
	/* ECONNRESET: it ended without reading all of its order.  The error
	 * is told once, before what it has written: read on. */
	if (n == -1 && (errno == EINTR || errno == EAGAIN ||
	    errno == ECONNRESET))
		return;
	if (n > 0) {
		/* More than any answer has: kept to the bound, the rest is
		 * read and dropped so that the program does not hang. */
		if (c->out.len + (size_t)n <= KID_ANSWER_MAX)
			c->out.len += (size_t)n;
		return;
	}
	close(c->sock);
	c->sock = -1;
	c->idle_since = clock_ms();
	reap(c);
}

int
kids_answer(struct kids *k, int i, struct kid_answer *a)
{
	struct kid *c = &k->kid[i];
	size_t n;

	if (c->norders == 0)
		return 0;
	n = c->keep ? first_answer(&c->out) : 0;
	if (n == 0 && !c->ended)
		return 0;
	a->number = c->number[0];
	a->code = n > 0 ? 0 : c->code;
	a->text = c->out.p;
	a->len = n > 0 ? n : c->out.len;
	return 1;
}

void
kids_answered(struct kids *k, int i)
{
	struct kid *c = &k->kid[i];
	size_t n = c->keep ? first_answer(&c->out) : 0;

	c->out.len -= n > 0 ? n : c->out.len;
	if (c->out.len > 0)
		memmove(c->out.p, c->out.p + n, c->out.len);
	c->norders--;
	memmove(c->number, c->number + 1, c->norders * sizeof *c->number);
	c->idle_since = clock_ms();
	c->deadline = c->idle_since + k->limit;
}

void
kids_leave(struct kids *k, int i)
{
	if (k->kid[i].ended && k->kid[i].norders == 0)
		remove_kid(k, i);
}

/* When child c wants to be looked at though it says nothing, clock_ms. */
static uint64_t
due(const struct kid *c, uint64_t now)
{
	if (c->sock == -1)
		return now + 1000; /* has it ended meanwhile? */
	return c->norders > 0 ? c->deadline : c->idle_since + KID_IDLE_MS;
}

int
kids_expire(struct kids *k, uint64_t now)
{
	uint64_t next = UINT64_MAX, t;
	struct kid *c;

	for (c = k->kid; c < k->kid + k->n; c++) {
		t = due(c, now);
		if (t > now) {
			next = t < next ? t : next;
		} else if (c->norders > 0) {
			kill(c->pid, SIGKILL); /* kids_read sees its end */
			c->deadline = now + KID_END_MS;
		} else if (c->keep) {
			/* End of file on its socket ends it; kids_read sees
			 * its own end of file and waits for it. */
			shutdown(c->sock, SHUT_WR);
			c->keep = 0;
			c->idle_since = now;
		} else {
			kill(c->pid, SIGKILL);
			c->idle_since = now;
		}
	}
	return next == UINT64_MAX ? -1 : (int)(next - now);
}

void
kids_close(struct kids *k, int term)
{
	int i;

	for (i = 0; i < k->n; i++) {
		if (k->kid[i].sock == -1)
			continue;
		shutdown(k->kid[i].sock, SHUT_WR);
		if (term && k->kid[i].norders > 0)
			kill(k->kid[i].pid, SIGTERM);
	}
}
