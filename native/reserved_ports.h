/*
 * Ports of the host that are ours: real sockets, so that no other program gets them and the kernel answers nothing in
 * our name, behind a filter, so that nothing from outside ever reaches one.
 */
#ifndef TAPWIRE_RESERVED_PORTS_H
#define TAPWIRE_RESERVED_PORTS_H

#include "failure.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes of an address as text, with its NUL: INET6_ADDRSTRLEN, and the link of one that is link-local (`%4294967295`). */
#define ADDRESS_ROOM 57

struct reserved_ports_options {
	/* Empty: all addresses, of IPv4 and IPv6; `0.0.0.0` and `::` are all of one kind. */
	const char *address;
	bool tcp; /* else UDP */
	uint16_t first;
	uint16_t last;
	bool deliver; /* what came over the loopback interface arrives; else nothing does */
	uint32_t backlog; /* TCP connections that may wait to be accepted */
	uint32_t tag; /* the caller's name for the reservation */
};

struct reserved_ports;

struct reserved_port {
	int fd;
	struct reserved_ports *of;
};

struct reserved_ports {
	int watch_fd; /* an epoll of the caller's; -1 where nobody asks for arrivals */
	bool ipv6;
	uint32_t tag;
	uint32_t count;
	struct reserved_port *ports;
};

/* All ports of the range, or -1 with `failure` and `failed_port` filled in, and none. */
int reserved_ports_open(struct reserved_ports *reserved, const struct reserved_ports_options *options, int watch_fd,
                        struct failure *failure, uint16_t *failed_port);
void reserved_ports_close(struct reserved_ports *reserved);

/* From here on nothing arrives, and the ports may be closed by another thread than the one that asks for arrivals. */
void reserved_ports_unwatch(struct reserved_ports *reserved);

struct arrival {
	uint32_t tag;
	uint32_t index; /* of the port in its range */
};

/* The next connection of any port that the epoll watches: its descriptor; -EAGAIN where none waits, or a negative errno. */
int reserved_ports_accept(int watch_fd, struct arrival *arrival);

/* Where a datagram came from and which of our addresses it was sent to, or the other way round. */
struct endpoints {
	char remote[ADDRESS_ROOM];
	uint16_t remote_port;
	char local[ADDRESS_ROOM];
};

/* The next datagram of any port: its size, as far as there is room; -EAGAIN where none waits, or a negative errno. */
ssize_t reserved_ports_receive(int watch_fd, void *to, size_t room, struct arrival *arrival, struct endpoints *endpoints);

/* 0, or a negative errno. Leaves from the local address. */
int reserved_ports_send(const struct reserved_ports *reserved, uint32_t index, const void *from, size_t size,
                        const struct endpoints *endpoints);

#endif
