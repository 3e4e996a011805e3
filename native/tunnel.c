/*
 * What is sent to peers goes at once, by sendmsg(2): one call for datagrams of one length from one source to one peer, which the kernel, or
 * the interface, cuts (UDP_SEGMENT). A call costs a route and a walk through the kernel's layers, whatever it carries.
 *
 *     transmissions:  A1 B1 A2 A3 B2 A4 ...          (A, B: peer and source)
 *     batches:        A1 A2 A3 A4 | B1 B2            each in order, so that no flow is
 *
 * A batch ends with a datagram that is shorter, as the last one of a super-frame is, or that differs in anything else.
 */
#define _GNU_SOURCE
#include "tunnel.h"

#include "checksum.h"
#include "gather.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* linux/udp.h of Linux 4.18 and 5.0. */
#define OPTION_UDP_SEGMENT 103
#define OPTION_UDP_GRO 104

/* Batches that are open at a time; a flow has always the same. */
#define BATCHES 16
/* Linux takes 64 in one call, newer ones 128: at an MTU of 1500 the bytes are at an end before either. */
#define BATCH_DATAGRAMS 64
#define BATCH_PIECES 512
/* Bytes that one call takes: what IP's length field leaves, with IPv6 as little as IPv4 leaves behind a header of that size. */
#define PAYLOAD_MAX_IPV4 65507
#define PAYLOAD_MAX_IPV6 65487
/* After a call with several datagrams has failed that a call for each did not, so many batches to the peer go one by one. */
#define BATCHES_APART 255

struct tunnel {
	bool ipv6;
	uint32_t count;
	int sources[];
};

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

struct peer {
	uint32_t tunnel_port;
	bool ipv6;
	union address address;
	uint32_t apart;
};

struct batch {
	uint32_t peer;
	uint32_t source, tos;
	uint32_t count; /* datagrams; 0: nobody's */
	uint32_t pieces, bytes;
	uint32_t segment; /* bytes of each datagram, but for a last one that is shorter */
	bool full;
	uint32_t transmission[BATCH_DATAGRAMS];
	uint32_t first_piece[BATCH_DATAGRAMS + 1];
	struct iovec vectors[BATCH_PIECES];
};

struct outbox {
	struct batch batches[BATCHES];
	struct iovec datagram[BATCH_PIECES];
};

/* As in frame-memory.ts. */
struct facts {
	int32_t segment_size;
	int32_t source_port;
	uint8_t source_address[16];
	int32_t tos;
	int32_t sums;
};
#define SEND_WORD_SIZE 4
#define SEND_TOS_SHIFT 8
#define SEND_RECORD_SHIFT 16

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
	if (io->outbox == NULL)
		io->outbox = calloc(1, sizeof(*io->outbox));
	struct peer *peer = calloc(1, sizeof(*peer));
	if (io->outbox == NULL || peer == NULL) {
		free(peer);
		return -ENOMEM;
	}
	peer->tunnel_port = tunnel_port;
	peer->ipv6 = memcmp(address, mapped, sizeof(mapped)) != 0;
	peer->address = address_of(address, udp_port, peer->ipv6);
	int result = frame_io_attach_port(io, port, (struct port){ .kind = PORT_PEER, .fd = -1, .peer = peer });
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

void tunnel_close(struct frame_io *io)
{
	free(io->outbox);
	io->outbox = NULL;
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

/* ------------------------------------------------------------------------------------------------ sending */

static const struct peer *peer_of(const struct frame_io *io, uint32_t port)
{
	return io->ports[port].peer;
}

static const struct tunnel *tunnel_of(const struct frame_io *io, const struct peer *peer)
{
	const struct port *port = &io->ports[peer->tunnel_port];
	return port->kind == PORT_TUNNEL ? port->tunnel : NULL;
}

static void failed(struct frame_io *io, uint32_t index, int error)
{
	/* One transmission may have left in several batches: the first failure is what is said of it. */
	if (io->transmits[index].result == 0)
		frame_io_transmit_failed(io, index, error);
}

/* Room for two control messages, aligned as they are to be. */
union control {
	struct cmsghdr header;
	uint8_t bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(uint16_t))];
};

static size_t put_control(uint8_t *to, int level, int type, const void *value, size_t size)
{
	struct cmsghdr *header = (struct cmsghdr *)to;
	memset(to, 0, CMSG_SPACE(size));
	header->cmsg_level = level;
	header->cmsg_type = type;
	header->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(header), value, size);
	return CMSG_SPACE(size);
}

/* What all messages of a batch have in common. `segment` 0: one datagram each. */
static struct msghdr message_of(struct peer *peer, const struct batch *batch, uint32_t segment, union control *control)
{
	size_t size = 0;
	if (batch->tos != 0) {
		int tos = (int)batch->tos;
		size += peer->ipv6 ? put_control(control->bytes, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos))
		                   : put_control(control->bytes, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	}
	if (segment != 0) {
		uint16_t value = (uint16_t)segment;
		size += put_control(control->bytes + size, IPPROTO_UDP, OPTION_UDP_SEGMENT, &value, sizeof(value));
	}
	return (struct msghdr){
		.msg_name = &peer->address,
		.msg_namelen = peer->ipv6 ? sizeof(peer->address.ipv6) : sizeof(peer->address.ipv4),
		.msg_control = size > 0 ? control->bytes : NULL,
		.msg_controllen = size,
	};
}

/* All datagrams of the batch in one call. 0, or an errno. */
static int send_together(int fd, struct peer *peer, struct batch *batch)
{
	union control control;
	struct msghdr message = message_of(peer, batch, batch->count > 1 ? batch->segment : 0, &control);
	message.msg_iov = batch->vectors;
	message.msg_iovlen = batch->pieces;
	return sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

/* Each datagram for itself. Returns how many have gone. */
static uint32_t send_apart(struct frame_io *io, int fd, struct peer *peer, struct batch *batch)
{
	struct mmsghdr messages[BATCH_DATAGRAMS];
	union control control;
	struct msghdr common = message_of(peer, batch, 0, &control);
	uint32_t sent = 0;
	for (uint32_t i = 0; i < batch->count; i++) {
		messages[i].msg_hdr = common;
		messages[i].msg_hdr.msg_iov = batch->vectors + batch->first_piece[i];
		messages[i].msg_hdr.msg_iovlen = batch->first_piece[i + 1] - batch->first_piece[i];
	}
	for (uint32_t i = 0; i < batch->count;) {
		int result = sendmmsg(fd, messages + i, batch->count - i, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (result > 0) {
			sent += (uint32_t)result;
			i += (uint32_t)result;
		} else {
			failed(io, batch->transmission[i++], errno);
		}
	}
	return sent;
}

/*
 * Errors of a call for several datagrams after which a call for each may do better: a kernel without UDP_SEGMENT, a way out without
 * checksums in hardware, and a path that is too narrow for some of them.
 */
static bool is_of_several(int error)
{
	return error == EIO || error == EINVAL || error == EOPNOTSUPP || error == EMSGSIZE;
}

static void send_batch(struct frame_io *io, struct batch *batch)
{
	struct peer *peer = io->ports[batch->peer].peer;
	int fd = tunnel_of(io, peer)->sources[batch->source];
	bool several = batch->count > 1;
	if (several && peer->apart > 0) {
		peer->apart--;
		send_apart(io, fd, peer, batch);
		return;
	}
	int error = send_together(fd, peer, batch);
	if (error == 0)
		return;
	if (several && is_of_several(error)) {
		if (send_apart(io, fd, peer, batch) > 0 && error != EMSGSIZE)
			peer->apart = BATCHES_APART;
		return;
	}
	for (uint32_t i = 0; i < batch->count; i++)
		failed(io, batch->transmission[i], error);
}

static void flush(struct frame_io *io, struct batch *batch)
{
	if (batch->count > 0)
		send_batch(io, batch);
	batch->count = 0;
}

/* What a transmission wants, beside its bytes. */
struct wish {
	uint32_t index, peer, source, tos;
	uint32_t payload_max;
};

static bool takes(const struct batch *batch, const struct wish *wish, uint32_t pieces, uint32_t size)
{
	return batch->count > 0 && !batch->full && batch->peer == wish->peer && batch->source == wish->source &&
	       batch->tos == wish->tos && size <= batch->segment && batch->count < BATCH_DATAGRAMS &&
	       batch->bytes + size <= wish->payload_max && batch->pieces + pieces <= BATCH_PIECES;
}

/* Adds a datagram to the batch that is its flow's. */
static void add(struct frame_io *io, const struct wish *wish, const struct iovec *vectors, uint32_t pieces, uint32_t size)
{
	struct batch *batch = &io->outbox->batches[(wish->peer * 5 + wish->source) % BATCHES];
	if (!takes(batch, wish, pieces, size)) {
		flush(io, batch);
		batch->peer = wish->peer;
		batch->source = wish->source;
		batch->tos = wish->tos;
		batch->pieces = batch->bytes = 0;
		batch->segment = size;
		batch->full = size == 0;
	}
	batch->transmission[batch->count] = wish->index;
	batch->first_piece[batch->count++] = batch->pieces;
	memcpy(batch->vectors + batch->pieces, vectors, pieces * sizeof(*vectors));
	batch->pieces += pieces;
	batch->first_piece[batch->count] = batch->pieces;
	batch->bytes += size;
	if (size < batch->segment)
		batch->full = true;
}

/* 0, or an errno. */
static int add_gathered(struct frame_io *io, const struct wish *wish, uint32_t at)
{
	const struct gather *gather = gather_take(io, at);
	if (gather == NULL)
		return EFAULT;
	uint64_t left = gather_size(gather);
	uint64_t segment = gather->segment_size > 0 ? (uint32_t)gather->segment_size : left;
	if ((segment < left ? segment : left) > wish->payload_max)
		return EMSGSIZE;
	struct gather_cursor cursor = { .gather = gather };
	while (left > 0) {
		uint32_t size = (uint32_t)(left < segment ? left : segment);
		int pieces = gather_next(io, &cursor, size, io->outbox->datagram, BATCH_PIECES);
		if (pieces < 0)
			return -pieces;
		add(io, wish, io->outbox->datagram, (uint32_t)pieces, size);
		left -= size;
	}
	return 0;
}

/* 0, or an errno. */
static int take(struct frame_io *io, uint32_t index)
{
	const struct descriptor *from = &io->transmits[index];
	const struct peer *peer = peer_of(io, (uint32_t)from->port);
	const struct tunnel *tunnel = tunnel_of(io, peer);
	uint32_t offset = (uint32_t)from->offset, length = (uint32_t)from->length, word;
	if (tunnel == NULL)
		return ENODEV;
	if (!frames_have(io, offset - SEND_WORD_SIZE, SEND_WORD_SIZE) || !frames_have(io, offset, length))
		return EFAULT;
	if (tunnel->ipv6 != peer->ipv6)
		return EAFNOSUPPORT;
	memcpy(&word, io->memory + offset - SEND_WORD_SIZE, sizeof(word));
	struct wish wish = {
		.index = index,
		.peer = (uint32_t)from->port,
		.source = word & 0xff,
		.tos = word >> SEND_TOS_SHIFT & 0xff,
		.payload_max = peer->ipv6 ? PAYLOAD_MAX_IPV6 : PAYLOAD_MAX_IPV4,
	};
	if (wish.source >= tunnel->count)
		return EINVAL;
	if (word >> SEND_RECORD_SHIFT != 0)
		return add_gathered(io, &wish, (word >> SEND_RECORD_SHIFT) - 1);
	if (length > wish.payload_max)
		return EMSGSIZE;
	struct iovec vector = { .iov_base = io->memory + offset, .iov_len = length };
	add(io, &wish, &vector, 1, length);
	return 0;
}

void tunnel_transmit(struct frame_io *io, uint32_t index)
{
	int error = take(io, index);
	io->outbox_used = true;
	if (error != 0)
		failed(io, index, error);
}

void tunnel_flush(struct frame_io *io)
{
	if (!io->outbox_used)
		return;
	io->outbox_used = false;
	for (uint32_t i = 0; i < BATCHES; i++)
		flush(io, &io->outbox->batches[i]);
}
