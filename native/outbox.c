/*
 * What is sent to peers goes at once, not with the queue of an io_uring: sendmmsg(2) takes many messages in a call, and a message many
 * datagrams of one length, which the kernel, or the interface, cuts (UDP_SEGMENT). A message costs a route and a walk through the
 * kernel's layers, whatever it carries.
 *
 *     transmissions:  A1 B1 A2 A3 B2 a4 A5 ...       (A, B: sources; a: of another length, or to another peer)
 *     lanes:          A: A1 A2 A3 | a4 | A5          a call each, with a message between two strokes; each in order, so that no flow
 *                     B: B1 B2                       is ever out of it
 *
 * A message ends with a datagram that is shorter, as the last one of a super-frame is, or before one that differs in anything else.
 */
#define _GNU_SOURCE
#include "outbox.h"

#include "gather.h"
#include "tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* linux/udp.h of Linux 4.18. */
#define OPTION_UDP_SEGMENT 103

/* Lanes that are open at a time; a source has always the same. */
#define LANES 16
#define LANE_MESSAGES 64
#define LANE_DATAGRAMS 256
#define LANE_PIECES 512
/* Linux takes 64 in one message, newer ones 128: at an MTU of 1500 the bytes are at an end before either. */
#define MESSAGE_DATAGRAMS 64
/* Bytes that one message takes: what IP's length field leaves, with IPv6 as little as IPv4 leaves behind a header of that size. */
#define PAYLOAD_MAX_IPV4 65507
#define PAYLOAD_MAX_IPV6 65487
/* After a message of several datagrams was refused that are taken one by one, so many to the peer go one by one. */
#define MESSAGES_APART 255

/* As in frame-memory.ts. */
#define SEND_WORD_SIZE 4
#define SEND_TOS_SHIFT 8
#define SEND_RECORD_SHIFT 16

struct message {
	uint32_t peer, tos;
	uint32_t first, count; /* its datagrams, of the lane's */
	uint32_t bytes;
	uint32_t segment; /* bytes of each datagram, but for a last one that is shorter */
	bool full;
};

struct lane {
	uint32_t tunnel_port, source;
	uint32_t messages, datagrams;
	struct message message[LANE_MESSAGES];
	/* Of each datagram: the transmission that it is of, and where its pieces begin. */
	uint32_t transmission[LANE_DATAGRAMS];
	uint32_t first_piece[LANE_DATAGRAMS + 1];
	struct iovec vectors[LANE_PIECES];
};

struct outbox {
	struct lane lanes[LANES];
	struct iovec datagram[LANE_PIECES];
};

int outbox_open(struct frame_io *io)
{
	if (io->outbox == NULL)
		io->outbox = calloc(1, sizeof(*io->outbox));
	return io->outbox == NULL ? -ENOMEM : 0;
}

void outbox_close(struct frame_io *io)
{
	free(io->outbox);
	io->outbox = NULL;
}

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
	/* One transmission may have left in several messages: the first failure is what is said of it. */
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

/* The lane's datagrams from `first` on, `count` of them, as one message to the peer. */
static struct msghdr header_of(struct lane *lane, const struct message *message, struct peer *peer, uint32_t first,
                               uint32_t count, union control *control)
{
	size_t size = 0;
	if (message->tos != 0) {
		int tos = (int)message->tos;
		size += peer->ipv6 ? put_control(control->bytes, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos))
		                   : put_control(control->bytes, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	}
	if (count > 1) {
		uint16_t segment = (uint16_t)message->segment;
		size += put_control(control->bytes + size, IPPROTO_UDP, OPTION_UDP_SEGMENT, &segment, sizeof(segment));
	}
	return (struct msghdr){
		.msg_name = &peer->address,
		.msg_namelen = peer->ipv6 ? sizeof(peer->address.ipv6) : sizeof(peer->address.ipv4),
		.msg_iov = lane->vectors + lane->first_piece[first],
		.msg_iovlen = lane->first_piece[first + count] - lane->first_piece[first],
		.msg_control = size > 0 ? control->bytes : NULL,
		.msg_controllen = size,
	};
}

/* Each datagram of the message for itself. Returns how many have gone. */
static uint32_t send_apart(struct frame_io *io, int fd, struct lane *lane, const struct message *message)
{
	struct mmsghdr headers[MESSAGE_DATAGRAMS];
	union control control;
	uint32_t sent = 0;
	for (uint32_t i = 0; i < message->count; i++) {
		struct peer *peer = io->ports[message->peer].peer;
		headers[i].msg_hdr = header_of(lane, message, peer, message->first + i, 1, &control);
	}
	for (uint32_t i = 0; i < message->count;) {
		int result = sendmmsg(fd, headers + i, message->count - i, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (result > 0) {
			sent += (uint32_t)result;
			i += (uint32_t)result;
		} else {
			failed(io, lane->transmission[message->first + i++], errno);
		}
	}
	return sent;
}

/*
 * Errors of a message of several datagrams that may be none of each: a kernel without UDP_SEGMENT, a way out without checksums in
 * hardware, and a path that is too narrow for some of them.
 */
static bool is_of_several(int error)
{
	return error == EIO || error == EINVAL || error == EOPNOTSUPP || error == EMSGSIZE;
}

static void refused(struct frame_io *io, int fd, struct lane *lane, const struct message *message, int error)
{
	if (message->count > 1 && is_of_several(error)) {
		if (send_apart(io, fd, lane, message) > 0 && error != EMSGSIZE)
			io->ports[message->peer].peer->apart = MESSAGES_APART;
		return;
	}
	for (uint32_t i = 0; i < message->count; i++)
		failed(io, lane->transmission[message->first + i], error);
}

/* Whether the message's datagrams are to go one by one, which is counted. */
static bool goes_apart(const struct frame_io *io, const struct message *message)
{
	struct peer *peer = io->ports[message->peer].peer;
	if (message->count == 1 || peer->apart == 0)
		return false;
	peer->apart--;
	return true;
}

/* Messages `from` to `end` of the lane, whose headers are ready. */
static void send_run(struct frame_io *io, int fd, struct lane *lane, struct mmsghdr *headers, uint32_t from, uint32_t end)
{
	while (from < end) {
		int result = sendmmsg(fd, headers + from, end - from, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (result > 0)
			from += (uint32_t)result;
		else
			refused(io, fd, lane, &lane->message[from++], errno);
	}
}

static void send_messages(struct frame_io *io, int fd, struct lane *lane)
{
	struct mmsghdr headers[LANE_MESSAGES];
	union control controls[LANE_MESSAGES];
	uint32_t from = 0;
	for (uint32_t i = 0; i < lane->messages; i++) {
		const struct message *message = &lane->message[i];
		if (goes_apart(io, message)) {
			send_run(io, fd, lane, headers, from, i);
			send_apart(io, fd, lane, message);
			from = i + 1;
			continue;
		}
		struct peer *peer = io->ports[message->peer].peer;
		headers[i].msg_hdr = header_of(lane, message, peer, message->first, message->count, &controls[i]);
	}
	send_run(io, fd, lane, headers, from, lane->messages);
}

static void flush(struct frame_io *io, struct lane *lane)
{
	if (lane->messages > 0)
		send_messages(io, io->ports[lane->tunnel_port].tunnel->sources[lane->source], lane);
	lane->messages = lane->datagrams = 0;
}

/* What a transmission wants, beside its bytes. */
struct wish {
	uint32_t index, peer, source, tos;
	uint32_t tunnel_port;
	uint32_t payload_max;
};

static struct lane *lane_of(struct frame_io *io, const struct wish *wish, uint32_t pieces)
{
	struct lane *lane = &io->outbox->lanes[(wish->tunnel_port * 5 + wish->source) % LANES];
	bool others = lane->tunnel_port != wish->tunnel_port || lane->source != wish->source;
	if (others || lane->messages == LANE_MESSAGES || lane->datagrams == LANE_DATAGRAMS ||
	    lane->first_piece[lane->datagrams] + pieces > LANE_PIECES)
		flush(io, lane);
	lane->tunnel_port = wish->tunnel_port;
	lane->source = wish->source;
	return lane;
}

static bool takes(const struct message *message, const struct wish *wish, uint32_t size)
{
	return !message->full && message->peer == wish->peer && message->tos == wish->tos && size <= message->segment &&
	       message->count < MESSAGE_DATAGRAMS && message->bytes + size <= wish->payload_max;
}

/* Adds a datagram to the lane that is its flow's. */
static void add(struct frame_io *io, const struct wish *wish, const struct iovec *vectors, uint32_t pieces, uint32_t size)
{
	struct lane *lane = lane_of(io, wish, pieces);
	if (lane->messages == 0 || !takes(&lane->message[lane->messages - 1], wish, size))
		lane->message[lane->messages++] = (struct message){
			.peer = wish->peer,
			.tos = wish->tos,
			.first = lane->datagrams,
			.segment = size,
			.full = size == 0,
		};
	struct message *message = &lane->message[lane->messages - 1];
	message->count++;
	message->bytes += size;
	message->full |= size < message->segment;
	uint32_t at = lane->first_piece[lane->datagrams];
	lane->transmission[lane->datagrams++] = wish->index;
	lane->first_piece[lane->datagrams] = at + pieces;
	memcpy(lane->vectors + at, vectors, pieces * sizeof(*vectors));
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
		int pieces = gather_next(io, &cursor, size, io->outbox->datagram, LANE_PIECES);
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
		.tunnel_port = peer->tunnel_port,
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

void outbox_take(struct frame_io *io, uint32_t index)
{
	int error = take(io, index);
	io->outbox_used = true;
	if (error != 0)
		failed(io, index, error);
}

void outbox_flush(struct frame_io *io)
{
	if (!io->outbox_used)
		return;
	io->outbox_used = false;
	for (uint32_t i = 0; i < LANES; i++)
		flush(io, &io->outbox->lanes[i]);
}
