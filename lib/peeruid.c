#include <sys/socket.h>
#include <unistd.h>

#include "peeruid.h"

int
peer_uid(int fd, uid_t *uid)
{
#ifdef __linux__
	struct ucred cred;
	socklen_t n = sizeof cred;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &n) == -1)
		return -1;
	*uid = cred.uid;
	return 0;
#else
	gid_t gid;

	return getpeereid(fd, uid, &gid);
#endif
}
