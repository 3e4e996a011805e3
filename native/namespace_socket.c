#define _GNU_SOURCE
#include "namespace_socket.h"

#include "namespace.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

/* Its size; 0 with errno where the text is no address of the family. */
static socklen_t put_address(const struct namespace_socket_options *options, union address *to)
{
	errno = EINVAL;
	if (options->ipv6) {
		to->ipv6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(options->port) };
		return inet_pton(AF_INET6, options->address, &to->ipv6.sin6_addr) == 1 ? sizeof(to->ipv6) : 0;
	}
	to->ipv4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(options->port) };
	return inet_pton(AF_INET, options->address, &to->ipv4.sin_addr) == 1 ? sizeof(to->ipv4) : 0;
}

static int set_on(int fd, int level, int name)
{
	int on = 1;
	return setsockopt(fd, level, name, &on, sizeof(on));
}

static int configure(int fd, const struct namespace_socket_options *options, struct failure *failure)
{
	union address address;
	if (options->ipv6 && set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY) < 0)
		return fail(failure, "set-family");
	if (options->address == NULL)
		return 0;
	socklen_t size = put_address(options, &address);
	if (size == 0)
		return fail(failure, "read-address");
	/* The connections of an earlier listener, which the kernel remembers for a minute, do not stand in the way of the next one. */
	if (options->backlog > 0 && set_on(fd, SOL_SOCKET, SO_REUSEADDR) < 0)
		return fail(failure, "reuse-address");
	if (bind(fd, &address.any, size) < 0)
		return fail(failure, "bind");
	if (options->backlog > 0 && listen(fd, (int)options->backlog) < 0)
		return fail(failure, "listen");
	return 0;
}

static int open_here(const struct namespace_socket_options *options, struct failure *failure)
{
	int type = (options->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(options->ipv6 ? AF_INET6 : AF_INET, type, 0);
	if (fd < 0)
		return fail(failure, "open-socket");
	if (configure(fd, options, failure) == 0)
		return fd;
	close(fd);
	return -1;
}

int namespace_socket_open(const struct namespace_socket_options *options, struct failure *failure)
{
	if (options->namespace_path == NULL)
		return open_here(options, failure);
	int home = namespace_enter(options->namespace_path, failure);
	if (home < 0)
		return -1;
	int fd = open_here(options, failure);
	namespace_leave(home);
	return fd;
}

int socket_reset_on_close(int fd)
{
	struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
	return setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}
