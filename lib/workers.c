#include <sys/wait.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "fdio.h"
#include "log.h"
#include "workers.h"

enum {
	MOST = 64,
	PAUSE_MS = 1000 /* a worker that ends sooner is not replaced sooner */
};

struct worker {
	pid_t pid; /* -1: none */
	uint64_t started;
};

static volatile sig_atomic_t terminated;
static pid_t starter;
static sigset_t unblocked;

static void
on_term(int sig)
{
	terminated = 1;
}

int
workers_stop(void)
{
	return terminated || getppid() != starter;
}

static void
start(struct worker *w, void (*work)(void))
{
	struct sigaction sa = {.sa_handler = on_term};

	w->started = clock_ms();
	w->pid = fork();
	if (w->pid == -1)
		log_warn("worker-start", "err=%m");
	if (w->pid != 0)
		return;
	sigaction(SIGTERM, &sa, NULL);
	sigprocmask(SIG_SETMASK, &unblocked, NULL);
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
	while (!workers_stop())
		work();
	_exit(0);
}

/* Starts those that are missing, but none again and again: then an alarm will
 * remind us. */
static void
start_missing(struct worker *w, unsigned n, void (*work)(void))
{
	uint64_t now = clock_ms();
	unsigned i;

	for (i = 0; i < n; i++) {
		if (w[i].pid == -1 && (w[i].started == 0 ||
		    now >= w[i].started + PAUSE_MS))
			start(&w[i], work);
		if (w[i].pid == -1)
			alarm(1);
	}
}

/* Takes note of those that have ended. */
static void
bury(struct worker *w, unsigned n)
{
	int status;
	unsigned i;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < n && w[i].pid != pid; i++)
			;
		if (i == n)
			continue;
		w[i].pid = -1;
		log_warn("worker-end", "pid=%d status=%d", (int)pid, status);
	}
}

void
workers_run(unsigned n, void (*work)(void))
{
	struct worker w[MOST];
	sigset_t set;
	int sig = 0;
	unsigned i;

	n = n > MOST ? MOST : n;
	for (i = 0; i < n; i++)
		w[i] = (struct worker){-1, 0};
	starter = getpid();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_BLOCK, &set, &unblocked);
	while (sig != SIGTERM) {
		start_missing(w, n, work);
		if (sigwait(&set, &sig) != 0)
			continue;
		bury(w, n);
	}
	for (i = 0; i < n; i++)
		if (w[i].pid != -1)
			kill(w[i].pid, SIGTERM);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}
