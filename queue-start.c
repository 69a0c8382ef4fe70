/*
 * queue-start: the first program of the queue's service.  Makes the socket
 * pairs, starts both spawners, and becomes queue-run in its own process, so
 * that the supervisor's signals reach queue-run.
 *
 * Descriptors: 0 and 1 unused, 2 the log, inherited by all.  No arguments.
 * Does not return; exits 111 when it cannot start.
 *
 * Runs as root (local spawner: root; remote spawner: pcr; queue-run: pcq), or
 * wholly as one plain user.  Trusts only its starter.
 */
#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "id.h"
#include "log.h"
#include "packet.h"
#include "paths.h"
#include "syncname.h"

/* Users as the table `modes' has them. */
#define QUEUE_USER "pcq"
#define REMOTE_USER "pcr"

enum { NGROUPS = 16 };

/* The ids of a user, with its groups, into u. */
static void
user(const char *name, struct child_user *u, gid_t *groups)
{
	struct passwd *pw = getpwnam(name);

	if (pw == NULL)
		die_temp("start-user", "user=%s err=not%%20found", name);
	if (pw->pw_uid == 0)
		die_temp("start-user", "user=%s err=is%%20root", name);
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	u->groups = groups;
	u->ngroups = NGROUPS;
	u->home = NULL;
	if (getgrouplist(name, pw->pw_gid, groups, &u->ngroups) == -1)
		die_temp("start-user", "user=%s err=too%%20many%%20groups", name);
}

/* Makes the queue directory if it is missing, and goes there. */
static void
make_queue(const struct child_user *owner)
{
	char *queue = path_make(PATH_QUEUE);
	int made = mkdir(queue, 0700) == 0;

	if ((!made && errno != EEXIST) || chdir(queue) == -1 ||
	    (made && sync_names(AT_FDCWD, "..") == -1) ||
	    (owner != NULL && chown(".", owner->uid, owner->gid) == -1))
		die_temp("start-queue", "dir=%s err=%m", queue);
	free(queue);
}

/* The directory is its owner's, who could have put links into it: what is in
 * it is made with his rights. */
static void
act_as(uid_t uid, gid_t gid)
{
	if ((uid == 0 && seteuid(uid) == -1) || setegid(gid) == -1 ||
	    (uid != 0 && seteuid(uid) == -1))
		die_temp("start-user", "uid=%u err=%m", (unsigned)uid);
}

/*
 * This generation's lock: held, through descriptors that are inherited, as
 * long as a spawner or a delivery program of it runs.  A later queue-run
 * starts no message that was there before until the lock is gone
 * (lib/store.c, store_old_running).
 */
static int
make_lock(char name[64])
{
	char id[ID_LEN + 1];
	int fd;

	if (mkdir("lock", 0700) == -1 && errno != EEXIST)
		die_temp("start-queue", "dir=%s err=%m", "lock");
	id_make(id);
	snprintf(name, 64, "lock/%s", id);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 || flock(fd, LOCK_EX | LOCK_NB) == -1)
		die_temp("start-lock", "file=%s err=%m", name);
	return fd;
}

static void
start_spawner(int remote, int chan, int lock, const struct child_user *u)
{
	char *argv[] = {"deliver-spawn", remote ? "-r" : NULL, NULL};
	struct child_fd map[] = {{chan, 3}, {lock, 4}};
	char *path = path_program("deliver-spawn");

	if (child_start(path, argv, NULL, map, 2, u) == -1)
		die_temp("start-spawner", "program=%s err=%m", path);
}

int
main(int argc, char **argv)
{
	struct child_user queue = {0}, remote = {0};
	gid_t qgroups[NGROUPS], rgroups[NGROUPS];
	int local[2], far[2], lock, root = geteuid() == 0;
	char name[64], *path;

	fd_guard();
	log_init(argv[0]);
	umask(077);
	if (argc != 1)
		die_usage("");
	if (root) {
		user(QUEUE_USER, &queue, qgroups);
		user(REMOTE_USER, &remote, rgroups);
	}
	make_queue(root ? &queue : NULL);
	if (root)
		act_as(queue.uid, queue.gid);
	lock = make_lock(name);
	if (root)
		act_as(0, 0);
	if (packet_pair(local) == -1 || packet_pair(far) == -1)
		die_temp("start-sockets", "err=%m");
	start_spawner(0, local[1], lock, NULL);
	start_spawner(1, far[1], lock, root ? &remote : NULL);
	/* The lock stays with the spawners and their children only. */
	close(lock);
	if (root && (setgroups((size_t)queue.ngroups, qgroups) == -1 ||
	    setgid(queue.gid) == -1 || setuid(queue.uid) == -1))
		die_temp("start-user", "user=%s err=%m", QUEUE_USER);
	/* Lifted first: the numbers 3 and 4 may be taken by the other. */
	if ((local[0] = fcntl(local[0], F_DUPFD_CLOEXEC, 10)) == -1 ||
	    (far[0] = fcntl(far[0], F_DUPFD_CLOEXEC, 10)) == -1 ||
	    dup2(local[0], 3) == -1 || dup2(far[0], 4) == -1)
		die_temp("start-sockets", "err=%m");
	path = path_program("queue-run");
	execl(path, "queue-run", name, (char *)NULL);
	die_temp("start-run", "program=%s err=%m", path);
}
