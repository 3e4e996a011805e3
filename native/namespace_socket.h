/*
 * Sockets of UDP and TCP that belong to a network namespace for good, wherever the process is: what they bind to and connect to
 * are that namespace's addresses.
 */
#ifndef TAPWIRE_NAMESPACE_SOCKET_H
#define TAPWIRE_NAMESPACE_SOCKET_H

#include "failure.h"

#include <stdbool.h>
#include <stdint.h>

struct namespace_socket_options {
	const char *namespace_path; /* NULL: the namespace that the process is in */
	bool tcp; /* else UDP */
	bool ipv6; /* and nothing of IPv4 */
	const char *address; /* of that family; NULL: it is bound to none */
	uint16_t port; /* 0: the kernel chooses one, at random */
	uint32_t backlog; /* connections that may wait to be accepted; 0: it does not listen */
};

/* A descriptor that does not block, or -1 with `failure` filled in. */
int namespace_socket_open(const struct namespace_socket_options *options, struct failure *failure);

/* From now on the close of this TCP socket resets its connection, also one that has been shut down. 0, or -1 with errno. */
int socket_reset_on_close(int fd);

#endif
