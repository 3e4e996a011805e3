/*
 * The UDP sockets of a tunnel, which belong to a network namespace for good. Nothing leaves them in fragments, nor with what may be
 * fragmented on its way (RFC 7348, 4.3).
 */
#ifndef TAPWIRE_UDP_SOCKET_H
#define TAPWIRE_UDP_SOCKET_H

#include "failure.h"

#include <stdbool.h>
#include <stdint.h>

struct udp_socket_options {
	const char *namespace_path; /* NULL: the namespace that the process is in */
	uint8_t address[16];        /* IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2) */
	uint16_t port;
	bool receives; /* else the kernel drops what comes */
	uint32_t ttl;
	uint32_t receive_buffer, send_buffer;
};

/* A descriptor that does not block, or -1 with `failure` filled in. */
int udp_socket_open(const struct udp_socket_options *options, struct failure *failure);

/*
 * Bytes of IP packet that the kernel would send from one address to the other, by its routes and by what it has learned of the path;
 * -1 with `failure` filled in. Nothing is sent.
 */
int udp_socket_route_mtu(const char *namespace_path, const uint8_t from[16], const uint8_t to[16], struct failure *failure);

#endif
