/* Making names durable, not only what they name. */
#ifndef SYNCNAME_H
#define SYNCNAME_H

/*
 * Does fsync of this file make its name durable as well, a new one or one that
 * a rename has just given it?  POSIX promises that of fsync of the directory
 * only.
 */
int sync_keeps_name(int fd);
/* Syncs the names in a directory, path below dirfd: 0, or -1 with errno. */
int sync_names(int dirfd, const char *path);
/* The same for the directory that has this name, a path below dirfd. */
int sync_name(int dirfd, const char *path);
#endif
