/*
 * queue-edit: holds, releases, removes or retries messages of the queue.
 *
 * Descriptor 1: a line for each message that was changed; 2: those that were
 * not, and why.  Arguments: a verb, and what it is for (see usage).  Exit 0
 * when at least one message was named and all were changed; 100 when none was
 * named or one was not changed; 111 when queue-run is down, a slot could not
 * be read, or a line not be written.
 *
 * Run by root or the queue's user.  Reads the slots to find messages; what is
 * to happen it asks of queue-run, who alone changes them.
 */
#include <sys/socket.h>
#include <sys/un.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "child.h"
#include "log.h"
#include "paths.h"
#include "slot.h"
#include "str.h"

enum { EXIT_NOT = 100, EXIT_TROUBLE = 111, WHY_MAX = 200 };

static struct {
	const char *verb;
	const char *why;
	char *const *what; /* ids, from=, to=, domain=, all */
	int nwhat;
	unsigned named;
	unsigned failed;
	int trouble; /* there may be more, or more was done than was said */
	struct slot slot;
} q;

static void
usage(void)
{
	die_usage("hold|release|remove|retry [-w WHY] "
		  "ID|from=ADDRESS|to=ADDRESS|domain=DOMAIN|all ...");
}

/* Says why something in the queue is not known; the rest of it is done. */
static void
trouble(const char *name)
{
	q.trouble = 1;
	dprintf(2, "%s: %s: %s\n", log_program(), name, strerror(errno));
}

/* Is addr the address, or below the domain, that the argument names? */
static int
addr_is(const char *arg, const char *addr, size_t n)
{
	struct addr a;

	if (strncmp(arg, "domain=", 7) != 0)
		return str_caseeq(addr, n, strchr(arg, '=') + 1);
	addr_split(addr, n, &a);
	return str_caseeq(a.domain, a.dlen, arg + 7);
}

/* Does one argument name the message in q.slot? */
static int
names(const char *arg)
{
	const struct envelope *e = &q.slot.env;
	const char *at = e->rcpts;
	struct recipient r;
	unsigned i;

	if (strcmp(arg, "all") == 0)
		return 1;
	if (strncmp(arg, "from=", 5) == 0)
		return addr_is(arg, e->sender, e->senderlen);
	if (strncmp(arg, "to=", 3) != 0 && strncmp(arg, "domain=", 7) != 0)
		return id_valid(arg, strlen(arg)) &&
		    memcmp(arg, q.slot.head.id, ID_LEN) == 0;
	for (i = 0; envelope_rcpt(e, &at, &r); i++)
		if (q.slot.states[i] == RCPT_TODO && addr_is(arg, r.addr, r.len))
			return 1;
	return 0;
}

/* One request to queue-run; its answer without the newline into out. */
static void
ask(char out[128])
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "control"};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char line[WHY_MAX + 64];
	ssize_t n = -1;
	int len;

	if (fd == -1 || connect(fd, (struct sockaddr *)&a, sizeof a) == -1)
		die_temp("edit-ask", "err=%m (queue-run is down)");
	len = snprintf(line, sizeof line, "%s %08x %.*s %s\n", q.verb,
	    q.slot.num, ID_LEN, q.slot.head.id, q.why);
	if (send(fd, line, (size_t)len, MSG_NOSIGNAL) == len)
		do {
			n = recv(fd, out, 127, MSG_WAITALL);
		} while (n == -1 && errno == EINTR);
	close(fd);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

/* The message in one slot, if an argument names it. */
static void
visit(int dir, const char *name)
{
	char answer[128];
	int fd, i, hit = 0;

	if (slot_number(name, &q.slot.num) == -1)
		return;
	fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1) {
		if (errno != ENOENT)
			trouble(name);
		return;
	}
	if (slot_peek(&q.slot, fd) == 0)
		for (i = 0; i < q.nwhat && !hit; i++)
			hit = names(q.what[i]);
	else if (errno != 0 && errno != EPROTO) /* not: free, half written */
		trouble(name);
	close(fd);
	if (!hit)
		return;
	q.named++;
	ask(answer);
	if (strcmp(answer, "ok") != 0) {
		q.failed++;
		dprintf(2, "%s: %.*s: %s\n", log_program(), ID_LEN,
		    q.slot.head.id, answer[0] ? answer : "no answer");
	} else if (dprintf(1, "%s %.*s\n", q.verb, ID_LEN,
	    q.slot.head.id) < 0) {
		trouble("output");
	}
}

static void
walk(int dir, const char *name, void each(int dir, const char *name))
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (d == NULL)
		die_temp("edit-read", "dir=%s err=%m", name);
	while (errno = 0, (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			each(fd, e->d_name);
	if (errno != 0)
		trouble(name);
	closedir(d);
}

static void
visit_part(int dir, const char *name)
{
	walk(dir, name, visit);
}

/* A reason is one line of the log and of the note. */
static int
why_valid(const char *why)
{
	const char *p;

	for (p = why; *p != '\0'; p++)
		if ((unsigned char)*p < ' ')
			return 0;
	return p - why < WHY_MAX;
}

int
main(int argc, char **argv)
{
	static const char *const verbs[] = {"hold", "release", "remove",
	    "retry", NULL};
	char *queue = path_make(PATH_QUEUE);
	const char *user;
	int i = 0;

	fd_guard();
	log_init("queue-edit");
	q.verb = argc > 2 ? argv[1] : "";
	while (verbs[i] != NULL && strcmp(verbs[i], q.verb) != 0)
		i++;
	user = getenv("USER");
	q.why = user != NULL ? user : "-";
	q.what = argv + 2;
	q.nwhat = argc - 2;
	if (argc > 4 && strcmp(argv[2], "-w") == 0) {
		q.why = argv[3];
		q.what += 2;
		q.nwhat -= 2;
	}
	if (verbs[i] == NULL || q.nwhat < 1 || q.what[0][0] == '-' ||
	    !why_valid(q.why))
		usage();
	if (chdir(queue) == -1)
		die_perm("edit-read", "dir=%s err=%m", queue);
	walk(AT_FDCWD, "slot", visit_part);
	if (q.trouble)
		return EXIT_TROUBLE;
	if (q.named == 0)
		dprintf(2, "%s: no message is named so\n", log_program());
	return q.named == 0 || q.failed > 0 ? EXIT_NOT : 0;
}
