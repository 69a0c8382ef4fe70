/* The socket of the injection service, queue-inject -s (INTERFACES 2). */
#ifndef INJECTSOCK_H
#define INJECTSOCK_H

/* Listens on it; -1 with errno (EADDRINUSE: another service does). */
int injectsock_listen(void);
/*
 * A connection to the service for one message; -1 where there is none, it has
 * no time, or it is not the queue's: who owns queue-inject, or we ourselves
 * where it is not set-id.  Never waits.
 */
int injectsock_connect(void);
#endif
