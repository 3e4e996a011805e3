#define _GNU_SOURCE
#include "reserved_ports.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Every network namespace has its loopback under this index (LOOPBACK_IFINDEX in Linux's include/net/flow.h). */
#define LOOPBACK_INDEX 1

/* Connections that were gone before we took them, and datagrams of broken checksums, which one call passes over. */
#define PASSED_OVER_MAX 64

/* Ports from which on one filter for all of them is worth loading. */
#define SHARED_FILTER_MIN 16

/* Ports from which on a second thread is worth starting: a socket takes the kernel some 10 us, almost none of it locked. */
#define HALVES_MIN 512

/* ---------------------------------------------------------------------------------------------- addresses */

struct socket_address {
	union {
		struct sockaddr any;
		struct sockaddr_in ipv4;
		struct sockaddr_in6 ipv6;
	};
	socklen_t size;
};

/* An IPv4 address becomes one of IPv6 that stands for it (RFC 4291, 2.5.5.2) where the socket is of IPv6. */
static int parse_address(const char *text, uint16_t port, bool ipv6, struct socket_address *to)
{
	char mapped[ADDRESS_ROOM + 8];
	memset(to, 0, sizeof(*to));
	if (!ipv6) {
		to->ipv4.sin_family = AF_INET;
		to->ipv4.sin_port = htons(port);
		to->size = sizeof(to->ipv4);
		return inet_pton(AF_INET, text, &to->ipv4.sin_addr) == 1 ? 0 : -EINVAL;
	}
	to->ipv6.sin6_family = AF_INET6;
	to->ipv6.sin6_port = htons(port);
	to->size = sizeof(to->ipv6);
	snprintf(mapped, sizeof(mapped), strchr(text, ':') == NULL ? "::ffff:%s" : "%s", text);
	char *link = strchr(mapped, '%');
	if (link != NULL) {
		to->ipv6.sin6_scope_id = (uint32_t)strtoul(link + 1, NULL, 10);
		*link = '\0';
	}
	return inet_pton(AF_INET6, mapped, &to->ipv6.sin6_addr) == 1 ? 0 : -EINVAL;
}

/* A link-local address means nothing without its link: `fe80::1%2` (RFC 4007, 11.2), by the interface's number. */
static void print_ipv6(const struct in6_addr *address, uint32_t link, char to[ADDRESS_ROOM])
{
	if (IN6_IS_ADDR_V4MAPPED(address)) {
		inet_ntop(AF_INET, &address->s6_addr[12], to, ADDRESS_ROOM);
		return;
	}
	inet_ntop(AF_INET6, address, to, ADDRESS_ROOM);
	if (IN6_IS_ADDR_LINKLOCAL(address)) {
		size_t length = strlen(to);
		snprintf(to + length, ADDRESS_ROOM - length, "%%%u", link);
	}
}

/* ------------------------------------------------------------------------------------------------ opening */

/* What all sockets of one range have in common. */
struct recipe {
	const struct reserved_ports_options *options;
	struct socket_address address;
	bool both; /* one socket for IPv4 and IPv6 */
	int program_fd; /* the filter for all; -1: each gets its own */
};

/*
 * Dropped here, a SYN gets no RST and a datagram no ICMP error: to the network the port is as silent as the data path lets
 * it be. A connection that was accepted keeps the filter.
 */
static int attach_classic(int fd, bool deliver)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_IFINDEX)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LOOPBACK_INDEX, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog loopback = { .len = 4, .filter = code };
	struct sock_fprog nothing = { .len = 1, .filter = &code[3] };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, deliver ? &loopback : &nothing, sizeof(loopback));
}

/*
 * The same for many sockets: translated once, where a classic filter is translated anew for each, which takes longer than
 * all else together. -1 where we may not (it needs CAP_BPF).
 */
static int load_program(bool deliver)
{
	const struct bpf_insn loopback[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 0, .src_reg = 1, .off = offsetof(struct __sk_buff, ifindex) },
		{ .code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 0, .off = 2, .imm = LOOPBACK_INDEX },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = INT32_MAX },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attributes;
	memset(&attributes, 0, sizeof(attributes));
	attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	attributes.insns = (uint64_t)(uintptr_t)(deliver ? loopback : &loopback[2]);
	attributes.insn_cnt = deliver ? 6 : 2;
	attributes.license = (uint64_t)(uintptr_t)"";
	return (int)syscall(__NR_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes));
}

static int attach_filter(int fd, const struct recipe *recipe)
{
	int program = recipe->program_fd;
	if (program < 0)
		return attach_classic(fd, recipe->options->deliver);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_BPF, &program, sizeof(program));
}

static int enable(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

/*
 * SO_REUSEADDR for TCP: connections of a former reservation that rest in TIME_WAIT do not hold the port. It still
 * conflicts with whoever listens there, at listen(2). For UDP it would share the port.
 */
static int set_options(int fd, const struct recipe *recipe, bool ipv6, struct failure *failure)
{
	const struct reserved_ports_options *options = recipe->options;
	if (ipv6 && enable(fd, SOL_IPV6, IPV6_V6ONLY, !recipe->both) < 0)
		return fail(failure, "set-options");
	if (options->tcp && enable(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
		return fail(failure, "set-options");
	if (!options->tcp && options->deliver &&
	    (ipv6 ? enable(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1) : enable(fd, SOL_IP, IP_PKTINFO, 1)) < 0)
		return fail(failure, "set-options");
	/* Before the port is ours: not one packet may come past it. */
	if (attach_filter(fd, recipe) < 0)
		return fail(failure, "attach-filter");
	return 0;
}

static int take_port(int fd, const struct recipe *recipe, uint16_t port, struct failure *failure)
{
	struct socket_address address = recipe->address;
	/* Port and family stand at the same place in both kinds of address. */
	address.ipv4.sin_port = htons(port);
	if (bind(fd, &address.any, address.size) < 0)
		return fail(failure, "bind");
	if (recipe->options->tcp && listen(fd, (int)recipe->options->backlog) < 0)
		return fail(failure, "listen");
	return 0;
}

static int watch(struct reserved_port *port, int watch_fd, struct failure *failure)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = port };
	if (watch_fd >= 0 && epoll_ctl(watch_fd, EPOLL_CTL_ADD, port->fd, &event) < 0)
		return fail(failure, "watch");
	return 0;
}

static int open_port(struct reserved_ports *reserved, const struct recipe *recipe, uint16_t port,
                     struct failure *failure)
{
	struct reserved_port *to = &reserved->ports[port - recipe->options->first];
	int kind = (recipe->options->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
	int fd = socket(reserved->ipv6 ? AF_INET6 : AF_INET, kind, 0);
	if (fd < 0)
		return fail(failure, "socket");
	to->fd = fd;
	if (set_options(fd, recipe, reserved->ipv6, failure) == 0 && take_port(fd, recipe, port, failure) == 0 &&
	    watch(to, reserved->watch_fd, failure) == 0)
		return 0;
	close(fd);
	to->fd = -1;
	return -1;
}

/* The ports of a range that one thread opens, and what came of it. */
struct part {
	struct reserved_ports *reserved;
	const struct recipe *recipe;
	uint32_t first, last;
	struct failure failure;
	uint16_t failed_port;
	int result;
};

static void *open_part(void *argument)
{
	struct part *part = argument;
	for (uint32_t port = part->first; part->result == 0 && port <= part->last; port++) {
		part->failed_port = (uint16_t)port;
		part->result = open_port(part->reserved, part->recipe, (uint16_t)port, &part->failure);
	}
	return NULL;
}

/* The thread takes no signal: they are for the threads of the process that expect them. */
static bool start_part(pthread_t *thread, struct part *part)
{
	sigset_t all, before;
	sigfillset(&all);
	if (pthread_sigmask(SIG_BLOCK, &all, &before) != 0)
		return false;
	bool started = pthread_create(thread, NULL, open_part, part) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return started;
}

/* The upper half of a long range by a thread of its own, that is gone when this returns. A thread is born into our network namespace. */
static int open_all(struct reserved_ports *reserved, const struct recipe *recipe, struct failure *failure,
                    uint16_t *failed_port)
{
	uint32_t first = recipe->options->first, last = recipe->options->last;
	uint32_t middle = last - first >= HALVES_MIN ? first + (last - first) / 2 : last;
	struct part lower = { .reserved = reserved, .recipe = recipe, .first = first, .last = middle };
	struct part upper = { .reserved = reserved, .recipe = recipe, .first = middle + 1, .last = last };
	pthread_t thread;
	bool started = middle < last && start_part(&thread, &upper);
	open_part(&lower);
	if (started)
		pthread_join(thread, NULL);
	else if (lower.result == 0)
		open_part(&upper);
	const struct part *failed = lower.result < 0 ? &lower : &upper;
	if (failed->result == 0)
		return 0;
	*failure = failed->failure;
	*failed_port = failed->failed_port;
	return -1;
}

/* Whether this machine has IPv6 at all: it may be left out, or turned off at boot. */
static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		close(fd);
	return fd >= 0 || (errno != EAFNOSUPPORT && errno != EPROTONOSUPPORT);
}

/*
 * Makes the table of descriptors long enough in one go. By itself it doubles, and each time the kernel waits until no other
 * thread can be reading the old one (synchronize_rcu in expand_fdtable of Linux's fs/file.c), which takes milliseconds. Where the
 * limit of descriptors does not allow it, the sockets will tell.
 */
static void make_room(uint32_t count)
{
	int lowest = epoll_create1(EPOLL_CLOEXEC);
	if (lowest < 0)
		return;
	int highest = fcntl(lowest, F_DUPFD_CLOEXEC, lowest + (int)count);
	if (highest >= 0)
		close(highest);
	close(lowest);
}

static int prepare(struct reserved_ports *reserved, struct recipe *recipe, struct failure *failure)
{
	const struct reserved_ports_options *options = recipe->options;
	recipe->both = options->address[0] == '\0' && has_ipv6();
	reserved->ipv6 = recipe->both || strchr(options->address, ':') != NULL;
	const char *text = options->address;
	if (text[0] == '\0')
		text = recipe->both ? "::" : "0.0.0.0";
	errno = -parse_address(text, 0, reserved->ipv6, &recipe->address);
	if (errno != 0)
		return fail(failure, "address");
	uint32_t count = (uint32_t)(options->last - options->first) + 1;
	reserved->ports = calloc(count, sizeof(*reserved->ports));
	if (reserved->ports == NULL)
		return fail(failure, "memory");
	reserved->count = count;
	for (uint32_t i = 0; i < count; i++)
		reserved->ports[i] = (struct reserved_port){ .fd = -1, .of = reserved };
	return 0;
}

int reserved_ports_open(struct reserved_ports *reserved, const struct reserved_ports_options *options, int watch_fd,
                        struct failure *failure, uint16_t *failed_port)
{
	struct recipe recipe = { .options = options, .program_fd = -1 };
	memset(reserved, 0, sizeof(*reserved));
	reserved->watch_fd = watch_fd;
	reserved->tag = options->tag;
	*failed_port = options->first;
	int result = prepare(reserved, &recipe, failure);
	if (result == 0 && reserved->count >= SHARED_FILTER_MIN)
		make_room(reserved->count);
	if (result == 0 && options->last - options->first >= SHARED_FILTER_MIN)
		recipe.program_fd = load_program(options->deliver);
	if (result == 0)
		result = open_all(reserved, &recipe, failure, failed_port);
	if (recipe.program_fd >= 0)
		close(recipe.program_fd);
	if (result < 0)
		reserved_ports_close(reserved);
	return result;
}

/*
 * A child that has forked and not yet called exec holds the sockets too, and as long as it does an epoll goes on to
 * report them: so they are taken out by hand before the memory goes that its events point to.
 */
void reserved_ports_unwatch(struct reserved_ports *reserved)
{
	for (uint32_t i = 0; reserved->watch_fd >= 0 && i < reserved->count; i++) {
		if (reserved->ports[i].fd >= 0)
			epoll_ctl(reserved->watch_fd, EPOLL_CTL_DEL, reserved->ports[i].fd, NULL);
	}
	reserved->watch_fd = -1;
}

void reserved_ports_close(struct reserved_ports *reserved)
{
	reserved_ports_unwatch(reserved);
	for (uint32_t i = 0; i < reserved->count; i++) {
		if (reserved->ports[i].fd >= 0)
			close(reserved->ports[i].fd);
	}
	free(reserved->ports);
	reserved->ports = NULL;
	reserved->count = 0;
}

/* ----------------------------------------------------------------------------------------------- arrivals */

/* A port at which something waits. The kernel hands them out in turn, so that none is passed over; NULL where there is none. */
static struct reserved_port *ready_port(int watch_fd, struct arrival *arrival)
{
	struct epoll_event event;
	if (epoll_wait(watch_fd, &event, 1, 0) <= 0)
		return NULL;
	struct reserved_port *port = event.data.ptr;
	arrival->tag = port->of->tag;
	arrival->index = (uint32_t)(port - port->of->ports);
	return port;
}

static bool is_over(int error)
{
	return error == EAGAIN || error == EINTR || error == ECONNABORTED || error == ECONNREFUSED || error == EPROTO;
}

int reserved_ports_accept(int watch_fd, struct arrival *arrival)
{
	for (int i = 0; i < PASSED_OVER_MAX; i++) {
		struct reserved_port *port = ready_port(watch_fd, arrival);
		if (port == NULL)
			break;
		int fd = accept4(port->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			return fd;
		if (!is_over(errno))
			return -errno;
	}
	return -EAGAIN;
}

/* Room for either kind of packet information, aligned as a control message wants it. */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static void read_endpoints(struct msghdr *message, const struct socket_address *remote, struct endpoints *to)
{
	to->local[0] = '\0';
	to->remote_port = ntohs(remote->ipv4.sin_port);
	if (remote->any.sa_family == AF_INET6)
		print_ipv6(&remote->ipv6.sin6_addr, remote->ipv6.sin6_scope_id, to->remote);
	else
		inet_ntop(AF_INET, &remote->ipv4.sin_addr, to->remote, ADDRESS_ROOM);
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level == SOL_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;
			memcpy(&info, CMSG_DATA(part), sizeof(info));
			print_ipv6(&info.ipi6_addr, (uint32_t)info.ipi6_ifindex, to->local);
		} else if (part->cmsg_level == SOL_IP && part->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(part), sizeof(info));
			inet_ntop(AF_INET, &info.ipi_addr, to->local, ADDRESS_ROOM);
		}
	}
}

ssize_t reserved_ports_receive(int watch_fd, void *to, size_t room, struct arrival *arrival, struct endpoints *endpoints)
{
	for (int i = 0; i < PASSED_OVER_MAX; i++) {
		struct reserved_port *port = ready_port(watch_fd, arrival);
		if (port == NULL)
			break;
		struct socket_address remote;
		union control control;
		struct iovec part = { .iov_base = to, .iov_len = room };
		struct msghdr message = {
			.msg_name = &remote.any,
			.msg_namelen = sizeof(remote.ipv6),
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = &control,
			.msg_controllen = sizeof(control),
		};
		ssize_t size = recvmsg(port->fd, &message, 0);
		if (size >= 0) {
			read_endpoints(&message, &remote, endpoints);
			return size;
		}
		if (!is_over(errno))
			return -errno;
	}
	return -EAGAIN;
}

/* The control message that makes a datagram leave from an address. An IPv6 socket takes its own kind for IPv4 as well. */
static int put_local(struct msghdr *message, union control *control, const char *text, bool ipv6)
{
	struct socket_address local;
	if (parse_address(text, 0, ipv6, &local) < 0)
		return -EINVAL;
	memset(control, 0, sizeof(*control));
	message->msg_control = control;
	message->msg_controllen = ipv6 ? CMSG_SPACE(sizeof(struct in6_pktinfo)) : CMSG_SPACE(sizeof(struct in_pktinfo));
	struct cmsghdr *part = CMSG_FIRSTHDR(message);
	if (ipv6) {
		struct in6_pktinfo info = { .ipi6_addr = local.ipv6.sin6_addr, .ipi6_ifindex = local.ipv6.sin6_scope_id };
		part->cmsg_level = SOL_IPV6;
		part->cmsg_type = IPV6_PKTINFO;
		part->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(part), &info, sizeof(info));
	} else {
		struct in_pktinfo info = { .ipi_spec_dst = local.ipv4.sin_addr };
		part->cmsg_level = SOL_IP;
		part->cmsg_type = IP_PKTINFO;
		part->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(part), &info, sizeof(info));
	}
	return 0;
}

int reserved_ports_send(const struct reserved_ports *reserved, uint32_t index, const void *from, size_t size,
                        const struct endpoints *endpoints)
{
	struct socket_address remote;
	union control control;
	struct iovec part = { .iov_base = (void *)from, .iov_len = size };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	if (index >= reserved->count)
		return -ERANGE;
	if (parse_address(endpoints->remote, endpoints->remote_port, reserved->ipv6, &remote) < 0 ||
	    put_local(&message, &control, endpoints->local, reserved->ipv6) < 0)
		return -EINVAL;
	message.msg_name = &remote.any;
	message.msg_namelen = remote.size;
	return sendmsg(reserved->ports[index].fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}
