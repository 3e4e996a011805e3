/* Tunnels and peers as ports, and what comes by a tunnel. */
#define _GNU_SOURCE
#include "tunnel.h"

#include "checksum.h"
#include "outbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* linux/udp.h of Linux 5.0. */
#define OPTION_UDP_GRO 104

/* As in frame-memory.ts. */
struct facts {
	int32_t segment_size;
	int32_t source_port;
	uint8_t source_address[16];
	int32_t tos;
	int32_t sums;
};
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

/* ---------------------------------------------------------------------------------------------- attaching */

int tunnel_attach(struct frame_io *io, uint32_t port, int fd, const int *sources, uint32_t count)
{
	int family = 0;
	socklen_t size = sizeof(family);
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
		return -errno;
	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	struct tunnel *tunnel = malloc(sizeof(*tunnel) + count * sizeof(int));
	if (tunnel == NULL)
		return -ENOMEM;
	tunnel->ipv6 = family == AF_INET6;
	tunnel->count = count;
	memcpy(tunnel->sources, sources, count * sizeof(int));
	int result = frame_io_attach_port(io, port, (struct port){ .kind = PORT_TUNNEL, .fd = fd, .tunnel = tunnel });
	if (result < 0)
		free(tunnel);
	return result;
}

static union address address_of(const uint8_t bytes[16], uint16_t udp_port, bool ipv6)
{
	union address result = { 0 };
	if (ipv6) {
		result.ipv6.sin6_family = AF_INET6;
		result.ipv6.sin6_port = htons(udp_port);
		memcpy(&result.ipv6.sin6_addr, bytes, 16);
	} else {
		result.ipv4.sin_family = AF_INET;
		result.ipv4.sin_port = htons(udp_port);
		memcpy(&result.ipv4.sin_addr, bytes + sizeof(mapped), 4);
	}
	return result;
}

int tunnel_attach_peer(struct frame_io *io, uint32_t port, uint32_t tunnel_port, const uint8_t address[16], uint16_t udp_port)
{
	if (tunnel_port >= io->options.ports_max)
		return -ERANGE;
	int result = outbox_open(io);
	if (result < 0)
		return result;
	struct peer *peer = calloc(1, sizeof(*peer));
	if (peer == NULL)
		return -ENOMEM;
	peer->tunnel_port = tunnel_port;
	peer->ipv6 = memcmp(address, mapped, sizeof(mapped)) != 0;
	peer->address = address_of(address, udp_port, peer->ipv6);
	result = frame_io_attach_port(io, port, (struct port){ .kind = PORT_PEER, .fd = -1, .peer = peer });
	if (result < 0)
		free(peer);
	return result;
}

void tunnel_free(struct port *port)
{
	if (port->kind == PORT_PEER)
		free(port->peer);
	if (port->kind != PORT_TUNNEL)
		return;
	for (uint32_t i = 0; i < port->tunnel->count; i++)
		close(port->tunnel->sources[i]);
	free(port->tunnel);
}

/* ---------------------------------------------------------------------------------------------- receiving */

static void read_name(const uint8_t *name, uint32_t size, struct facts *facts)
{
	union address address = { 0 };
	memcpy(&address, name, size < sizeof(address) ? size : sizeof(address));
	if (address.any.sa_family == AF_INET6) {
		facts->source_port = ntohs(address.ipv6.sin6_port);
		memcpy(facts->source_address, &address.ipv6.sin6_addr, 16);
	} else if (address.any.sa_family == AF_INET) {
		facts->source_port = ntohs(address.ipv4.sin_port);
		memcpy(facts->source_address, mapped, sizeof(mapped));
		memcpy(facts->source_address + sizeof(mapped), &address.ipv4.sin_addr, 4);
	}
}

/* The control messages stand unaligned. TOS comes as one byte, the other two as an int. */
static void read_control(const uint8_t *control, uint32_t size, struct facts *facts)
{
	struct cmsghdr header;
	while (size >= sizeof(header)) {
		memcpy(&header, control, sizeof(header));
		if (header.cmsg_len < CMSG_LEN(1) || header.cmsg_len > size)
			return;
		int value = control[CMSG_LEN(0)];
		if (header.cmsg_len >= CMSG_LEN(sizeof(value)))
			memcpy(&value, control + CMSG_LEN(0), sizeof(value));
		if (header.cmsg_level == IPPROTO_UDP && header.cmsg_type == OPTION_UDP_GRO)
			facts->segment_size = value;
		else if ((header.cmsg_level == IPPROTO_IP && header.cmsg_type == IP_TOS) ||
		         (header.cmsg_level == IPPROTO_IPV6 && header.cmsg_type == IPV6_TCLASS))
			facts->tos = value & 0xff;
		uint32_t step = (uint32_t)CMSG_ALIGN(header.cmsg_len);
		if (step >= size)
			return;
		control += step;
		size -= step;
	}
}

/* Returns the size; 0 where these are more datagrams than one can be. */
static uint32_t add_sums(struct frame_io *io, uint32_t index, const uint8_t *payload, uint32_t size, struct facts *facts)
{
	uint32_t most = io->options.datagrams_max, segment = (uint32_t)facts->segment_size;
	if ((size + segment - 1) / segment > most) {
		facts->segment_size = 0;
		return 0;
	}
	facts->sums = (int32_t)(io->options.sums + index * most * sizeof(uint16_t));
	uint16_t *sums = (uint16_t *)(io->memory + facts->sums);
	for (uint32_t at = 0; at < size; at += segment)
		*sums++ = checksum_sum(payload + at, size - at < segment ? size - at : segment);
	return size;
}

void tunnel_describe(struct frame_io *io, uint32_t index, uint32_t port, const struct arrival *arrival)
{
	uint8_t *start = slot_target(io, arrival->slot);
	const uint8_t *name = start + TUNNEL_RECEIVED_SIZE, *control = name + TUNNEL_NAME_SIZE;
	uint8_t *payload = start + TUNNEL_PAYLOAD_AT;
	struct facts facts = { 0 };
	uint32_t size = arrival->flags & MSG_TRUNC ? 0 : arrival->size;
	read_name(name, arrival->name_size < TUNNEL_NAME_SIZE ? arrival->name_size : TUNNEL_NAME_SIZE, &facts);
	read_control(control, arrival->control_size < TUNNEL_CONTROL_SIZE ? arrival->control_size : TUNNEL_CONTROL_SIZE, &facts);
	if (facts.segment_size <= 0 || (uint32_t)facts.segment_size >= size)
		facts.segment_size = 0;
	else
		size = add_sums(io, index, payload, size, &facts);
	uint8_t *slot = start - io->options.headroom;
	memcpy(slot, &facts, sizeof(facts));
	io->received[index] = (struct descriptor){
		.port = (int32_t)port,
		.offset = (int32_t)(payload - io->memory),
		.length = (int32_t)size,
		.result = (int32_t)(slot - io->memory),
	};
}
