#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fdio.h"
#include "paths.h"
#include "str.h"
#include "sysuser.h"

enum { FILE_MAX = 64 << 20, ENTRY_MAX = 1 << 20 };

char *
sysuser_file(void)
{
	char *file;

	if (path_prefix()[0] == '\0')
		return NULL;
	file = path_make("/etc/passwd");
	if (access(file, F_OK) == 0)
		return file;
	free(file);
	return NULL;
}

static void
set(struct sysuser *u, const char *name, size_t nlen, const char *home,
    size_t hlen)
{
	u->name.len = u->home.len = 0;
	buf_add(&u->name, name, nlen);
	buf_add(&u->home, home, hlen);
	buf_cstr(&u->name);
	buf_cstr(&u->home);
}

/* name:password:uid:gid:gecos:home:shell */
int
sysuser_line(struct sysuser *u, const char *p, size_t n)
{
	const char *f[7], *end = p + n, *colon;
	size_t len[7], i;
	uint64_t uid, gid;

	if (memchr(p, '\0', n) != NULL)
		return -1;
	for (i = 0; i < 7; i++) {
		colon = i < 6 ? memchr(p, ':', (size_t)(end - p)) : end;
		if (colon == NULL)
			return -1;
		f[i] = p;
		len[i] = (size_t)(colon - p);
		p = colon < end ? colon + 1 : end;
	}
	if (len[0] == 0 || parse_u64(f[2], len[2], &uid) == -1 ||
	    parse_u64(f[3], len[3], &gid) == -1 || uid >= UINT32_MAX ||
	    gid >= UINT32_MAX)
		return -1;
	set(u, f[0], len[0], f[5], len[5]);
	u->uid = (uid_t)uid;
	u->gid = (gid_t)gid;
	return 0;
}

static int
read_file(const char *file, struct buf *text)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), r, err;

	if (fd == -1)
		return -1;
	r = read_to_end(fd, text, FILE_MAX);
	err = r == 1 ? EFBIG : errno;
	close(fd);
	errno = err;
	return r == 0 ? 0 : -1;
}

/* The users of a passwd file: all of them to fn, or the one called name. */
static int
scan_file(const char *file, struct sysuser *u, const char *name,
    void (*fn)(void *, const struct sysuser *), void *arg)
{
	struct buf text = {0};
	const char *p, *nl, *end;
	int found = 0;

	if (read_file(file, &text) == -1) {
		buf_free(&text);
		return -1;
	}
	end = text.p + text.len;
	u->line = 0;
	u->origin[0] = '\0';
	for (p = text.p; p < end && !found; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl == NULL)
			nl = end;
		u->line++;
		if (sysuser_line(u, p, (size_t)(nl - p)) == -1)
			continue;
		if (fn != NULL)
			fn(arg, u);
		if (name != NULL)
			found = strcmp(u->name.p, name) == 0;
	}
	buf_free(&text);
	return found;
}

static void
from_passwd(struct sysuser *u, const struct passwd *pw)
{
	set(u, pw->pw_name, strlen(pw->pw_name), pw->pw_dir,
	    strlen(pw->pw_dir));
	u->uid = pw->pw_uid;
	u->gid = pw->pw_gid;
	u->line = 0;
	strcpy(u->origin, "getpwent(3)");
}

static int
find_nss(struct sysuser *u, const char *name)
{
	struct passwd pw, *got = NULL;
	size_t n = 1024;
	char *mem = xalloc(n);
	int r;

	while ((r = getpwnam_r(name, &pw, mem, n, &got)) == ERANGE &&
	    n < ENTRY_MAX) {
		n *= 2;
		mem = xrealloc(mem, n);
	}
	if (got != NULL)
		from_passwd(u, got);
	free(mem);
	/* Some systems say these for a name that is not there. */
	if (r == ENOENT || r == ESRCH)
		r = 0;
	errno = r;
	return got != NULL ? 1 : r == 0 ? 0 : -1;
}

int
sysuser_find(struct sysuser *u, const char *name)
{
	char *file = sysuser_file();
	int r;

	if (file == NULL)
		return find_nss(u, name);
	r = scan_file(file, u, name, NULL, NULL);
	free(file);
	return r;
}

int
sysuser_ids(const char *name, uid_t *uid, gid_t *gid)
{
	struct sysuser u = {0};
	int r = sysuser_find(&u, name);

	if (r == 0)
		r = find_nss(&u, name);
	if (r == 1) {
		*uid = u.uid;
		*gid = u.gid;
	}
	sysuser_free(&u);
	return r;
}

int
sysuser_each(void (*fn)(void *arg, const struct sysuser *u), void *arg)
{
	char *file = sysuser_file();
	struct sysuser u = {0};
	struct passwd *pw;
	int r;

	if (file != NULL) {
		r = scan_file(file, &u, NULL, fn, arg);
	} else {
		setpwent();
		while (errno = 0, (pw = getpwent()) != NULL) {
			from_passwd(&u, pw);
			fn(arg, &u);
		}
		/* ENOENT is a user database that this system has not. */
		r = errno == 0 || errno == ENOENT ? 0 : -1;
		endpwent();
	}
	free(file);
	sysuser_free(&u);
	return r;
}

void
sysuser_free(struct sysuser *u)
{
	buf_free(&u->name);
	buf_free(&u->home);
}
