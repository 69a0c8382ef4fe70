#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "mailbox.h"
#include "maildir.h"
#include "mbox.h"
#include "mboxlock.h"
#include "verdict.h"

enum { FOLDER_MAX = 64 };

void
mailbox_trouble(int err, const char *what, unsigned index, struct buf *out)
{
	const char *status = "4.3.0";
	struct buf text = {0};

	if (err == ENOSPC || err == EDQUOT || err == EFBIG)
		status = "4.2.2";
	else if (err == EWOULDBLOCK || err == EACCES || err == EISDIR ||
	    err == ENOTDIR || err == EROFS)
		status = "4.2.0";
	else if (err == EXDEV || err == EPERM || err == ELOOP)
		status = "4.3.5";
	buf_str(&text, what);
	buf_str(&text, ": ");
	buf_str(&text, err == EWOULDBLOCK ? "locked by another program"
	    : err == EXDEV ? "its link leads out of the spool"
	    : err == EPERM ? "not a regular file of the right owner"
	    : strerror(err));
	verdict_addn(out, 'Z', index, status, text.p, text.len);
	buf_free(&text);
}

const char *
mailbox_host(const char *given)
{
	static char name[256];

	if (given != NULL && given[0] != '\0' && strcmp(given, "auto") != 0)
		return given;
	if (name[0] == '\0' && gethostname(name, sizeof name - 1) == -1)
		strcpy(name, "localhost");
	return name;
}

int
mailbox_loops(const struct letter *l, unsigned index, struct buf *out)
{
	if (!trace_loops(l))
		return 0;
	verdict_add(out, 'D', index, "5.4.6",
	    "mail loop: the message has been delivered here before");
	return 1;
}

/* The verdict on a delivery that ended with r and errno. */
static int
conclude(int r, enum mailbox_format was, unsigned index, struct buf *out)
{
	int err = errno;

	if (r == -1) {
		mailbox_trouble(err, was == MAILBOX_MBOX ? "mailbox"
		    : "maildir", index, out);
		return err;
	}
	verdict_add(out, 'K', index, "2.0.0", r == MBOX_THERE
	    ? "delivered to mailbox by an earlier attempt"
	    : was == MAILBOX_MBOX ? "delivered to mailbox"
	    : "delivered to maildir");
	return 0;
}

int
mailbox_folder_valid(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n <= FOLDER_MAX && name[0] != '.' &&
	    strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789._-") == n &&
	    (n <= 5 || strcmp(name + n - 5, ".lock") != 0);
}

/* The folder of the mailbox at up: its path is path, sep and folder. */
static struct place
folder_place(const struct place *up, const char *sep, const char *folder,
    struct buf *path)
{
	struct place at = *up;

	path->len = 0;
	buf_str(path, up->path);
	buf_str(path, sep);
	buf_str(path, folder);
	at.path = buf_cstr(path);
	return at;
}

/* Makes the Maildir, or what is missing in it, and delivers; up is the Maildir
 * that at is a folder of, or at. */
static int
make_and_deliver(const struct place *up, const struct place *at,
    const struct letter *l)
{
	if (maildir_make(up) == -1 || (at != up && maildir_make(at) == -1))
		return -1;
	return maildir_deliver(at, l);
}

int
mailbox_deliver(const struct place *at, enum mailbox_format format,
    const char *folder, int owned, struct letter *l, unsigned index,
    struct buf *out)
{
	const struct letter *one = l;
	struct place sub;
	const struct place *to = at;
	struct buf path = {0};
	int r;

	if (mailbox_loops(l, index, out))
		return 0;
	trace_head(l);
	if (format == MAILBOX_MBOX) {
		r = mbox_append(at, owned, &one, 1);
	} else {
		if (folder != NULL) {
			sub = folder_place(at, "/.", folder, &path);
			to = &sub;
		}
		r = maildir_deliver(to, l);
		if (r == -1 && errno == ENOENT)
			r = make_and_deliver(at, to, l);
	}
	r = conclude(r, format, index, out);
	buf_free(&path);
	return r;
}

/* Is nothing there, or a file?  A directory may lack a part of a Maildir. */
static int
is_directory(const struct place *at)
{
	struct stat st;

	return fstatat(at->dirfd, at->path, &st, 0) == 0 &&
	    S_ISDIR(st.st_mode);
}

int
mailbox_virtual(const struct place *at, enum mailbox_format format,
    const char *folder, struct letter *l, unsigned index, struct buf *out)
{
	enum mailbox_format is = MAILBOX_MAILDIR;
	const struct letter *one = l;
	struct place sub;
	const struct place *to = at;
	struct buf path = {0};
	int r;

	if (mailbox_loops(l, index, out))
		return 0;
	trace_head(l);
	if (folder != NULL) {
		sub = folder_place(at, "/.", folder, &path);
		to = &sub;
	}
	/* Trying costs no call more than asking. */
	r = maildir_deliver(to, l);
	if (r == -1 && errno == ENOENT) {
		if (format == MAILBOX_MBOX && !is_directory(at))
			errno = ENOTDIR;
		else
			r = make_and_deliver(at, to, l);
	}
	if (r == -1 && errno == ENOTDIR) {
		is = MAILBOX_MBOX;
		if (folder != NULL)
			sub = folder_place(at, ":", folder, &path);
		r = mbox_append(to, 1, &one, 1);
	}
	r = conclude(r, is, index, out);
	buf_free(&path);
	return r;
}

int
mailbox_together(const struct place *at, struct letter *const *l, unsigned n)
{
	const struct letter *all[MBOX_NOTES];
	unsigned i;

	if (n > MBOX_NOTES)
		return -1;
	for (i = 0; i < n; i++) {
		if (l[i]->again || trace_loops(l[i]))
			return -1;
		trace_head(l[i]);
		all[i] = l[i];
	}
	return mbox_append(at, 1, all, n);
}
