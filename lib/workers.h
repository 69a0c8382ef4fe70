/* A few processes that do the same work, each blocked in a system call of its
 * own. */
#ifndef WORKERS_H
#define WORKERS_H

/*
 * Forks n processes that run work(), and another for each that ends, until
 * SIGTERM; then they are told, and waited for.  work returns, soon, once
 * workers_stop() is true: SIGTERM interrupts what it waits in, and nothing
 * else may be lost by coming a moment too early for that.  A worker ends with
 * its starter, at the latest when work looks at workers_stop().
 */
void workers_run(unsigned n, void (*work)(void));
/* To be asked by work before each wait. */
int workers_stop(void);
#endif
