/* queue-run's socket: the state of each message, and changes of it
 * (INTERFACES 7). */
#ifndef CONTROL_H
#define CONTROL_H
#include "store.h"

enum { CONTROL_CLIENTS = 8 };

struct control_client {
	int fd;          /* -1: unused */
	int listing;     /* the answer is the list */
	int edited;      /* the answer is in out */
	size_t at;       /* place in the store's index to go on from */
	struct buf in;
	struct buf out;
	size_t sent;
};

struct control {
	int listen;
	struct control_client client[CONTROL_CLIENTS];
};

/* Listens on the socket `control' in the working directory: 0, -1 errno. */
int control_open(struct control *c);
/* A new client, or -1 descriptors until one leaves. */
void control_accept(struct control *c);
/* What client i may be polled for. */
short control_events(const struct control *c, int i);
/* Reads its request, writes a piece of its answer. */
void control_serve(struct control *c, int i, struct store *s);
#endif
