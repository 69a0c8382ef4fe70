#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "mailbox.h"
#include "maildir.h"
#include "mbox.h"
#include "verdict.h"

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

/* Makes the Maildir, or what is missing in it, and delivers. */
static int
make_and_deliver(const struct place *at, const struct letter *l)
{
	return maildir_make(at) == -1 ? -1 : maildir_deliver(at, l);
}

int
mailbox_deliver(const struct place *at, enum mailbox_format format, int owned,
    struct letter *l, unsigned index, struct buf *out)
{
	int r;

	if (mailbox_loops(l, index, out))
		return 0;
	trace_head(l);
	if (format == MAILBOX_MBOX) {
		r = mbox_append(at, owned, l);
	} else {
		r = maildir_deliver(at, l);
		if (r == -1 && errno == ENOENT)
			r = make_and_deliver(at, l);
	}
	return conclude(r, format, index, out);
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
    struct letter *l, unsigned index, struct buf *out)
{
	enum mailbox_format is = MAILBOX_MAILDIR;
	int r;

	if (mailbox_loops(l, index, out))
		return 0;
	trace_head(l);
	/* Trying costs no call more than asking. */
	r = maildir_deliver(at, l);
	if (r == -1 && errno == ENOENT) {
		if (format == MAILBOX_MBOX && !is_directory(at))
			errno = ENOTDIR;
		else
			r = make_and_deliver(at, l);
	}
	if (r == -1 && errno == ENOTDIR) {
		is = MAILBOX_MBOX;
		r = mbox_append(at, 1, l);
	}
	return conclude(r, is, index, out);
}
