#define _GNU_SOURCE
#include "udp_socket.h"

#include "namespace.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* linux/udp.h of Linux 3.16 and 5.0. */
#define OPTION_NO_CHECK6_RX 102
#define OPTION_UDP_GRO 104

/* Any port will do to ask for a route. */
#define DISCARD_PORT 9

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static bool is_ipv6(const uint8_t address[16])
{
	return memcmp(address, mapped, sizeof(mapped)) != 0;
}

/* Returns its size. */
static socklen_t put_address(const uint8_t address[16], uint16_t port, union address *to)
{
	memset(to, 0, sizeof(*to));
	if (is_ipv6(address)) {
		to->ipv6.sin6_family = AF_INET6;
		to->ipv6.sin6_port = htons(port);
		memcpy(&to->ipv6.sin6_addr, address, 16);
		return sizeof(to->ipv6);
	}
	to->ipv4.sin_family = AF_INET;
	to->ipv4.sin_port = htons(port);
	memcpy(&to->ipv4.sin_addr, address + sizeof(mapped), 4);
	return sizeof(to->ipv4);
}

static int set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Beyond net.core.rmem_max where we may, else as far as that allows: a wish. */
static void set_buffers(int fd, const struct udp_socket_options *options)
{
	if (set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)options->receive_buffer) < 0)
		(void)set_option(fd, SOL_SOCKET, SO_RCVBUF, (int)options->receive_buffer);
	if (set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)options->send_buffer) < 0)
		(void)set_option(fd, SOL_SOCKET, SO_SNDBUF, (int)options->send_buffer);
}

static int set_family(int fd, const struct udp_socket_options *options)
{
	if (!is_ipv6(options->address)) {
		return set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO) < 0 ||
		                       set_option(fd, IPPROTO_IP, IP_TTL, (int)options->ttl) < 0 ||
		                       set_option(fd, IPPROTO_IP, IP_RECVTOS, options->receives) < 0
		               ? -1
		               : 0;
	}
	return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0 ||
	                       set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO) < 0 ||
	                       set_option(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, (int)options->ttl) < 0 ||
	                       set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, options->receives) < 0 ||
	                       /* RFC 7348, 4.1: a checksum of zero "MUST be accepted"; RFC 6935 has it for IPv6. */
	                       set_option(fd, IPPROTO_UDP, OPTION_NO_CHECK6_RX, options->receives) < 0
	               ? -1
	               : 0;
}

/* Before the port is ours, so that nothing is ever queued: nobody would take it out. */
static int drop_all(int fd)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0) };
	struct sock_fprog program = { .len = 1, .filter = code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int configure(int fd, const struct udp_socket_options *options, struct failure *failure)
{
	union address address;
	socklen_t size = put_address(options->address, options->port, &address);
	set_buffers(fd, options);
	if (set_family(fd, options) < 0)
		return fail(failure, "set-family");
	/* A wish: without it datagrams come one by one. */
	if (options->receives)
		(void)set_option(fd, IPPROTO_UDP, OPTION_UDP_GRO, 1);
	else if (drop_all(fd) < 0)
		return fail(failure, "attach-filter");
	return bind(fd, &address.any, size) < 0 ? fail(failure, "bind") : 0;
}

static int open_plain(const uint8_t address[16], struct failure *failure)
{
	int fd = socket(is_ipv6(address) ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? fail(failure, "open-socket") : fd;
}

static int open_here(const struct udp_socket_options *options, struct failure *failure)
{
	int fd = open_plain(options->address, failure);
	if (fd < 0 || configure(fd, options, failure) == 0)
		return fd;
	close(fd);
	return -1;
}

static int route_mtu(int fd, const uint8_t from[16], const uint8_t to[16], struct failure *failure)
{
	union address local, remote;
	int mtu = 0;
	socklen_t local_size = put_address(from, 0, &local), remote_size = put_address(to, DISCARD_PORT, &remote);
	socklen_t size = sizeof(mtu);
	bool ipv6 = is_ipv6(from);
	if (bind(fd, &local.any, local_size) < 0)
		return fail(failure, "bind");
	if (connect(fd, &remote.any, remote_size) < 0 ||
	    getsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_MTU : IP_MTU, &mtu, &size) < 0)
		return fail(failure, "find-route");
	return mtu;
}

static int route_mtu_here(const uint8_t from[16], const uint8_t to[16], struct failure *failure)
{
	int fd = open_plain(from, failure);
	if (fd < 0)
		return -1;
	int mtu = route_mtu(fd, from, to, failure);
	close(fd);
	return mtu;
}

int udp_socket_open(const struct udp_socket_options *options, struct failure *failure)
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

int udp_socket_route_mtu(const char *namespace_path, const uint8_t from[16], const uint8_t to[16], struct failure *failure)
{
	if (namespace_path == NULL)
		return route_mtu_here(from, to, failure);
	int home = namespace_enter(namespace_path, failure);
	if (home < 0)
		return -1;
	int mtu = route_mtu_here(from, to, failure);
	namespace_leave(home);
	return mtu;
}
