#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fdio.h"
#include "msgin.h"

/* A message that fits in a pipe is read in one go, with room to see its end
 * in the next; only a larger one is worth a mapping. */
enum { SMALL = 65536 + 4096 };

/* Maps the file from where reading began: `got' bytes before its offset. */
static int
map_file(struct msgin *m, int fd, size_t got, size_t size)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	size_t start;
	void *p;

	if (at == -1)
		return -1;
	start = (size_t)at - got;
	p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	m->map = p;
	m->maplen = size;
	m->p = (const char *)p + start;
	m->len = size - start;
	return 0;
}

int
msgin_open(struct msgin *m, int fd)
{
	struct stat st;
	int more;

	m->own.len = 0;
	buf_room(&m->own, SMALL);
	more = read_to_end(fd, &m->own, SMALL);
	if (more == 1) {
		if (fstat(fd, &st) == -1)
			return -1;
		if (S_ISREG(st.st_mode))
			return map_file(m, fd, m->own.len, (size_t)st.st_size);
		more = read_to_end(fd, &m->own, SIZE_MAX);
	}
	m->p = m->own.p;
	m->len = m->own.len;
	return more;
}

int
msgin_order(struct msgin *m, const struct order *o)
{
	if (o->msg == NULL)
		return msgin_open(m, o->msgfd);
	m->p = o->msg;
	m->len = o->msglen;
	return 0;
}

void
msgin_close(struct msgin *m)
{
	if (m->map != NULL)
		munmap(m->map, m->maplen);
	m->map = NULL;
	m->p = NULL;
	m->len = 0;
}
