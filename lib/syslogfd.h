/* Log lines under inetd, which leaves the connection on descriptor 2. */
#ifndef SYSLOGFD_H
#define SYSLOGFD_H

/* If descriptor 2 is the same socket as descriptor 0, puts the system's log
 * in its place (/dev/log, /var/run/log), or nothing at all: a client must not
 * be sent our log.  Each line that is written is one message for syslogd. */
void syslogfd_replace(void);
#endif
