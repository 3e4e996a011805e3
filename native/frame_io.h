/*
 * What the two backends share: the ports, the frame memory, and the contract of a poll.
 *
 * The addon moves bytes and opens descriptors. It has no policy and parses nothing: where the regions of the
 * memory begin, how long a slot is and how many frames a burst has, it is told by src/datapath/frame-memory.ts.
 */
#ifndef TAPWIRE_FRAME_IO_H
#define TAPWIRE_FRAME_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One descriptor of a received or a transmitted frame; the words of frame-memory.ts, in its order. */
struct descriptor {
	int32_t port;
	int32_t offset;
	int32_t length;
	int32_t result;
};

struct port_event {
	int32_t port;
	int32_t error;
};

/* Words of the status region, as in frame-memory.ts. */
enum {
	STATUS_WOKEN = 0,
	STATUS_TRANSMIT_FAILURES = 1,
	STATUS_EVENTS = 2,
};

/* Bytes of the virtio-net header that stands before each frame: the kernel interface fixes them. */
#define VIRTIO_NET_HEADER_SIZE 10

struct frame_io_options {
	uint32_t memory_size;
	uint32_t status;
	uint32_t events;
	uint32_t events_max;
	uint32_t received;
	uint32_t burst_max;
	uint32_t transmits;
	uint32_t transmit_max;
	uint32_t slots;
	uint32_t slot_size;
	uint32_t slot_count;
	uint32_t headroom;
	uint32_t gathers; /* also the end of what frames may lie in */
	uint32_t gather_words;
	uint32_t sums;
	uint32_t datagrams_max; /* of those that come as one */
	uint32_t ports_max;
	int wake_fd; /* an eventfd of the caller's, who also closes it */
};

enum port_kind {
	PORT_NONE,   /* no port has this number */
	PORT_FRAMES, /* a TAP or a packet socket: a frame a read, a frame a write */
	PORT_TUNNEL, /* a UDP socket that receives, and others that are sent from */
	PORT_PEER,   /* what a tunnel sends to: no descriptor of its own */
};

struct port {
	enum port_kind kind;
	int fd;            /* -1: it has none */
	bool virtio;       /* frames carry a virtio-net header on this descriptor */
	bool armed;        /* io_uring: a multishot read is under way */
	bool waiting;      /* io_uring: no read is under way, and one is to be started */
	uint16_t lifetime; /* counts attachments, so that a late completion of an earlier one is known as such */
	uint32_t taken;    /* io_uring: frames that the port's read has had since it was started */
	union {
		struct tunnel *tunnel;
		struct peer *peer;
	};
};

struct frame_io;

/* A backend. Every function returns 0 or more, or a negative errno. */
struct backend {
	const char *name;
	int (*open)(struct frame_io *io);
	void (*close)(struct frame_io *io);
	int (*attach)(struct frame_io *io, uint32_t port);
	void (*detach)(struct frame_io *io, uint32_t port);
	/* The contracts are those of FrameIo.transmit and FrameIo.poll in src/ports/frame-io.ts. */
	int (*transmit)(struct frame_io *io, uint32_t count);
	int (*poll)(struct frame_io *io, uint32_t transmit_count, int32_t timeout_us);
};

extern const struct backend uring_backend;
extern const struct backend epoll_backend;

struct frame_io {
	const struct backend *backend;
	void *state; /* the backend's own */
	struct frame_io_options options;
	uint8_t *memory;
	int32_t *status;
	struct port_event *events;
	struct descriptor *received;
	struct descriptor *transmits;
	struct port *ports;
	uint32_t *lost;      /* ports that vanished and are not yet reported, each once */
	int32_t *lost_error; /* by port: why; 0 where the port is not lost */
	uint32_t lost_count;
	struct outbox *outbox; /* what is on its way to peers: see outbox.c. NULL as long as there are none */
	bool outbox_used;
	bool woken; /* the wake descriptor was signalled, and no poll has said so yet */
};

/* EINVAL: the regions do not fit into the memory. EBADF: there is no wake descriptor. */
int frame_io_open(struct frame_io *io, const struct backend *backend, const struct frame_io_options *options);
void frame_io_close(struct frame_io *io);
/* Where it fails, the descriptor stays the caller's. */
int frame_io_attach(struct frame_io *io, uint32_t port, int fd, bool virtio);
/* Any kind of port: `port` says which, and has its descriptor. */
int frame_io_attach_port(struct frame_io *io, uint32_t number, struct port port);
void frame_io_detach(struct frame_io *io, uint32_t port);
/* Like frame_io_detach, but the descriptor is the caller's from here on; -1 where there is no such port, or it has none. */
int frame_io_release(struct frame_io *io, uint32_t port);
int frame_io_transmit(struct frame_io *io, uint32_t count);
int frame_io_poll(struct frame_io *io, uint32_t transmit_count, int32_t timeout_us);

/* For the backends. */
void frame_io_take_wake(struct frame_io *io);
void frame_io_lost(struct frame_io *io, uint32_t port, int error);
void frame_io_transmit_failed(struct frame_io *io, uint32_t index, int error);
bool frame_io_is_gone(int error);
bool frame_io_is_passing(const struct frame_io *io, uint32_t port, int error);

static inline bool port_attached(const struct frame_io *io, uint32_t port)
{
	return port < io->options.ports_max && io->ports[port].kind != PORT_NONE;
}

static inline bool is_peer(const struct frame_io *io, uint32_t port)
{
	return port < io->options.ports_max && io->ports[port].kind == PORT_PEER;
}

/* Whether `size` bytes from `offset` on lie in slots and arena. */
static inline bool frames_have(const struct frame_io *io, uint32_t offset, uint32_t size)
{
	return offset >= io->options.slots && offset <= io->options.gathers && size <= io->options.gathers - offset;
}

/* The address that the kernel reads slot `slot` into, and how much room it has there. */
static inline uint8_t *slot_target(const struct frame_io *io, uint32_t slot)
{
	return io->memory + io->options.slots + (size_t)slot * io->options.slot_size + io->options.headroom;
}

static inline uint32_t slot_room(const struct frame_io *io)
{
	return io->options.slot_size - io->options.headroom;
}

/*
 * Describes what the kernel read into `slot`. A port that speaks the header has it in front of the frame already;
 * for another port the frame begins where the header would, and a header that asks for nothing goes into the headroom.
 * False: too short to be a frame with its header.
 */
bool frame_io_describe(struct frame_io *io, struct descriptor *to, uint32_t port, uint32_t slot, int32_t size);

/*
 * What a transmission hands to the kernel, to a port of frames. ENODEV: it goes to no port; EFAULT: it points outside of slots and
 * arena; EOPNOTSUPP: a tunnel is sent by to its peers only.
 */
struct span {
	const uint8_t *start;
	uint32_t size;
};
int frame_io_transmit_span(const struct frame_io *io, const struct descriptor *from, struct span *out);

#endif
