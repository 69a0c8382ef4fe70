/* The records of a table before they are written: keys are unique. */
#ifndef TABLE_H
#define TABLE_H
#include <stdint.h>

#include "buf.h"

/* Zero-initialised is empty. */
struct table {
	struct buf data;   /* record heads, keys and values */
	uint32_t *index;   /* hash table of offsets + 1 into data */
	size_t slots;
	size_t count;
};

/* A record; the pointers are good until the next table_put. */
struct table_record {
	const char *key;   /* with its tag */
	uint32_t klen;
	const char *val;
	uint32_t vlen;
};

/* Adds a record with key tag+key (tag 0: key alone).  0; -1: the key is there
 * already, *r (if r is not NULL) is its record. */
int table_put(struct table *t, char tag, const char *key, size_t klen,
    const char *val, size_t vlen, struct table_record *r);
/* 1: found. */
int table_get(const struct table *t, char tag, const char *key, size_t klen,
    struct table_record *r);
/* Walks the records in the order of adding: *at is 0 first; 1 while there is
 * one.  *at before the call names the record (it is what table_find gives). */
int table_next(const struct table *t, size_t *at, struct table_record *r);
/* Where a record is, for table_next; SIZE_MAX when there is none. */
size_t table_find(const struct table *t, char tag, const char *key,
    size_t klen);
void table_free(struct table *t);
#endif
