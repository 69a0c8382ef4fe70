#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "fdio.h"
#include "forward.h"

enum { ITEM_MAX = 990 }; /* it must fit in a record: F line, place */

/* The file being read. */
struct scan {
	struct forward *f;
	const char *p, *end;
	unsigned line;
	int list;
};

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static int
wrong(struct scan *s, const char *what)
{
	s->f->line = s->line;
	s->f->error = what;
	return -1;
}

static void
trim(const char **p, size_t *n)
{
	while (*n > 0 && is_blank((*p)[*n - 1]))
		--*n;
	while (*n > 0 && is_blank(**p)) {
		++*p;
		--*n;
	}
}

/* Length of the quoted string at p with its quotes, 0 when it does not end on
 * this line. */
static size_t
quoted(const char *p, const char *end)
{
	const char *q;

	for (q = p + 1; q < end && *q != '\n'; q++) {
		if (*q == '"')
			return (size_t)(q - p) + 1;
		if (*q == '\\' && q + 1 < end && q[1] != '\n')
			q++;
	}
	return 0;
}

/* Appends what is between the quotes; only \" and \\ mean less than they
 * say, so that a command keeps its other backslashes. */
static void
unquote(struct buf *b, const char *p, size_t n)
{
	size_t i;

	for (i = 1; i + 1 < n; i++) {
		if (p[i] == '\\' && i + 2 < n &&
		    (p[i + 1] == '"' || p[i + 1] == '\\'))
			i++;
		buf_byte(b, p[i]);
	}
}

/* An address, perhaps as `Name <address>'. */
static int
add_address(struct scan *s, const char *p, size_t n)
{
	struct buf *b = &s->f->items;
	size_t was = b->len;
	const char *open;

	open = memchr(p, '<', n);
	if (open != NULL && n > 0 && p[n - 1] == '>') {
		n -= (size_t)(open - p) + 2;
		p = open + 1;
	}
	if (n >= 2 && p[0] == '~' && p[1] == '/')
		return wrong(s, "a file must be given with its full path");
	/* |x is a possible local part, but the item would be a command. */
	if (n > ITEM_MAX || addr_parse(p, n, 1, b) != ADDR_OK ||
	    b->p[was] == '|' || b->p[was] == '/') {
		b->len = was;
		wrong(s, "not a mail address");
		s->f->skipped++;
		return s->list ? 0 : -1;
	}
	buf_byte(b, '\0');
	s->f->n++;
	return 0;
}

static int
add_item(struct scan *s, const char *p, size_t n)
{
	static const char include[] = ":include:";
	struct buf *b = &s->f->items;
	size_t k;

	trim(&p, &n);
	if (n == 0)
		return 0;
	if (*p == ':' && (n <= sizeof include ||
	    memcmp(p, include, sizeof include - 1) != 0))
		return wrong(s, "not a mail address");
	if (*p != '|' && *p != '/' && *p != ':' && *p != '\\')
		return add_address(s, p, n);
	if (s->list && *p != '\\')
		return wrong(s, "a list may hold addresses only");
	if (n > ITEM_MAX)
		return wrong(s, "too long");
	if (memchr(p, '\r', n) != NULL)
		return wrong(s, "carriage return within a line");
	buf_byte(b, *p++);
	n--;
	if (b->p[b->len - 1] == '|') {
		trim(&p, &n);
		/* |"command" means the same as "|command". */
		k = n > 1 && *p == '"' ? quoted(p, p + n) : 0;
		if (n == 0)
			return wrong(s, "an empty command");
		if (k == n)
			unquote(b, p, n);
		else
			buf_add(b, p, n);
	} else {
		buf_add(b, p, n);
	}
	buf_byte(b, '\0');
	s->f->n++;
	return 0;
}

/* The item at s->p that starts with a quote and is quoted as a whole. */
static int
quoted_item(struct scan *s, size_t n)
{
	struct buf b = {0};
	int r;

	unquote(&b, s->p, n);
	r = add_item(s, b.p, b.len);
	buf_free(&b);
	s->p += n;
	return r;
}

/* Bytes of the unquoted item at p: to a comma or the line's end, quotes
 * respected (a command's single ones too), a comment left out. */
static size_t
plain_length(const struct scan *s)
{
	int command = *s->p == '|';
	const char *q = s->p;
	char quote = '\0';

	for (; q < s->end && *q != '\n'; q++) {
		if (*q == '\\' && quote != '\'' && q + 1 < s->end &&
		    q[1] != '\n') {
			q++;
		} else if (quote != '\0') {
			if (*q == quote)
				quote = '\0';
		} else if (*q == '"' || (command && *q == '\'')) {
			quote = *q;
		} else if (*q == ',' ||
		    (*q == '#' && !command && is_blank(q[-1]))) {
			break;
		}
	}
	return (size_t)(q - s->p);
}

/* Does a quoted item hold something else than an address's local part? */
static int
is_special(const struct scan *s, size_t n)
{
	const char *p = s->p + 1;
	size_t k = n - 2;

	trim(&p, &k);
	return k > 0 && (*p == '|' || *p == '/' || *p == '\\' || *p == ':');
}

static int
item(struct scan *s)
{
	size_t n;
	int r;

	if (*s->p == '"') {
		n = quoted(s->p, s->end);
		if (n == 0)
			return wrong(s, "a quote is not closed");
		if (is_special(s, n))
			return quoted_item(s, n);
	}
	n = plain_length(s);
	r = add_item(s, s->p, n);
	s->p += n;
	return r;
}

int
forward_parse(struct forward *f, const char *p, size_t n, int list)
{
	struct scan s = {f, p, p + n, 1, list};

	if (n > 0 && memchr(p, '\0', n) != NULL)
		return wrong(&s, "the file holds a NUL byte");
	while (s.p < s.end) {
		if (*s.p == '\n') {
			s.line++;
			s.p++;
		} else if (is_blank(*s.p) || *s.p == ',') {
			s.p++;
		} else if (*s.p == '#') {
			while (s.p < s.end && *s.p != '\n')
				s.p++;
		} else if (item(&s) == -1) {
			return -1;
		}
	}
	return 0;
}

int
forward_has(const struct forward *f, const char *text)
{
	const char *at = f->items.p;
	unsigned i;

	for (i = 0; i < f->n; i++, at += strlen(at) + 1)
		if (strcmp(at, text) == 0)
			return 1;
	return 0;
}

enum forward_file
forward_load(struct buf *b, const char *path, size_t max, uid_t owner,
    const char **why)
{
	struct stat st;
	int fd, r, err;

	*why = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd == -1)
		return errno == ENOENT || errno == ENOTDIR ? FORWARD_MISSING
							   : FORWARD_REFUSED;
	r = fstat(fd, &st);
	err = errno;
	if (r == 0) {
		err = 0;
		if (!S_ISREG(st.st_mode))
			*why = "not a regular file";
		else if (owner != (uid_t)-1 && st.st_uid != owner &&
		    st.st_uid != 0)
			*why = "belongs to somebody else";
		else if (owner != (uid_t)-1 && (st.st_mode & 022) != 0)
			*why = "writable by others than its owner";
		else if ((r = read_to_end(fd, b, max + 1)) == -1)
			err = errno;
		else if (r == 1)
			*why = "too large";
	}
	close(fd);
	errno = err;
	return err == 0 && *why == NULL ? FORWARD_READ : FORWARD_REFUSED;
}
