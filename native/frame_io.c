#define _GNU_SOURCE
#include "frame_io.h"

#include "outbox.h"
#include "tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Bounds that the kernel sets for an io_uring: descriptors that it registers, and buffers of one ring. */
#define REGISTERED_FILES_MAX (1U << 20)
#define RING_BUFFERS_MAX (1U << 15)

/* Whether `count` items of `size` bytes lie in the memory from `start` on, each where a word may lie. */
static bool region_fits(const struct frame_io_options *options, uint32_t start, uint32_t count, uint32_t size)
{
	return start % sizeof(int32_t) == 0 && (uint64_t)start + (uint64_t)count * size <= options->memory_size;
}

/* Whether no index within its bounds leads out of the memory. Offsets in it are int32. */
static bool layout_fits(const struct frame_io_options *options)
{
	const uint32_t header = VIRTIO_NET_HEADER_SIZE;
	return options->memory_size <= INT32_MAX && options->ports_max >= 1 &&
	       options->ports_max <= REGISTERED_FILES_MAX && options->slot_count >= 1 &&
	       options->slot_count <= RING_BUFFERS_MAX && options->burst_max >= 1 && options->events_max >= 1 &&
	       options->headroom >= header && options->slot_size > options->headroom &&
	       options->slot_size - options->headroom > header &&
	       region_fits(options, options->status, STATUS_EVENTS + 1, sizeof(int32_t)) &&
	       region_fits(options, options->events, options->events_max, sizeof(struct port_event)) &&
	       region_fits(options, options->received, options->burst_max, sizeof(struct descriptor)) &&
	       region_fits(options, options->transmits, options->transmit_max, sizeof(struct descriptor)) &&
	       region_fits(options, options->slots, options->slot_count, options->slot_size) &&
	       options->slot_size - options->headroom > TUNNEL_PAYLOAD_AT &&
	       (uint64_t)options->slots + (uint64_t)options->slot_count * options->slot_size <= options->gathers &&
	       options->gather_words <= INT32_MAX && options->datagrams_max <= UINT16_MAX &&
	       region_fits(options, options->gathers, options->gather_words, sizeof(int32_t)) &&
	       region_fits(options, options->sums, options->burst_max, options->datagrams_max * (uint32_t)sizeof(uint16_t));
}

static int allocate(struct frame_io *io)
{
	const struct frame_io_options *options = &io->options;
	void *memory = mmap(NULL, options->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	/*
	 * Fewer page-table walks while 64 KB frames are copied. A wish: where it is not granted, small pages do. Not for what only tunnels
	 * use: a large page there would be had by all.
	 */
	(void)madvise(memory, options->gathers, MADV_HUGEPAGE);
	/* A child would get a copy of all of it at once, since the kernel has pinned it for io_uring, only to give it back in exec. */
	(void)madvise(memory, options->memory_size, MADV_DONTFORK);
	io->memory = memory;
	io->status = (int32_t *)(io->memory + options->status);
	io->events = (struct port_event *)(io->memory + options->events);
	io->received = (struct descriptor *)(io->memory + options->received);
	io->transmits = (struct descriptor *)(io->memory + options->transmits);
	io->ports = calloc(options->ports_max, sizeof(*io->ports));
	io->lost = calloc(options->ports_max, sizeof(*io->lost));
	io->lost_error = calloc(options->ports_max, sizeof(*io->lost_error));
	if (io->ports == NULL || io->lost == NULL || io->lost_error == NULL)
		return -ENOMEM;
	for (uint32_t port = 0; port < options->ports_max; port++)
		io->ports[port].fd = -1;
	return 0;
}

static void release(struct frame_io *io)
{
	free(io->lost_error);
	free(io->lost);
	free(io->ports);
	io->ports = NULL;
	if (io->memory != NULL)
		munmap(io->memory, io->options.memory_size);
	io->memory = NULL;
}

int frame_io_open(struct frame_io *io, const struct backend *backend, const struct frame_io_options *options)
{
	memset(io, 0, sizeof(*io));
	if (!layout_fits(options))
		return -EINVAL;
	if (fcntl(options->wake_fd, F_GETFD) < 0)
		return -errno;
	io->options = *options;
	io->backend = backend;
	int result = allocate(io);
	if (result == 0)
		result = backend->open(io);
	if (result < 0)
		release(io);
	return result;
}

void frame_io_close(struct frame_io *io)
{
	if (io->memory == NULL)
		return;
	for (uint32_t port = 0; port < io->options.ports_max; port++)
		frame_io_detach(io, port);
	io->backend->close(io);
	outbox_close(io);
	release(io);
}

int frame_io_attach_port(struct frame_io *io, uint32_t number, struct port port)
{
	if (number >= io->options.ports_max)
		return -ERANGE;
	if (port_attached(io, number))
		return -EEXIST;
	port.lifetime = (uint16_t)(io->ports[number].lifetime + 1);
	io->ports[number] = port;
	int result = port.fd < 0 ? 0 : io->backend->attach(io, number);
	if (result < 0) {
		io->ports[number].kind = PORT_NONE;
		io->ports[number].fd = -1;
	}
	return result;
}

int frame_io_attach(struct frame_io *io, uint32_t number, int fd, bool virtio)
{
	/* The kernel takes a negative one for the wish to register nothing. */
	if (fd < 0)
		return number < io->options.ports_max ? -EBADF : -ERANGE;
	return frame_io_attach_port(io, number, (struct port){ .kind = PORT_FRAMES, .fd = fd, .virtio = virtio });
}

static int take_descriptor(struct frame_io *io, uint32_t number)
{
	struct port *port = &io->ports[number];
	int fd = port->fd;
	if (fd >= 0)
		io->backend->detach(io, number);
	tunnel_free(port);
	port->kind = PORT_NONE;
	port->fd = -1;
	return fd;
}

/* What is detached is not reported, and least of all when its number has a new port by then. */
static void forget_lost(struct frame_io *io, uint32_t number)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < io->lost_count; i++) {
		if (io->lost[i] != number)
			io->lost[kept++] = io->lost[i];
	}
	io->lost_count = kept;
	io->lost_error[number] = 0;
}

int frame_io_release(struct frame_io *io, uint32_t number)
{
	if (!port_attached(io, number))
		return -1;
	if (io->lost_error[number] != 0)
		forget_lost(io, number);
	return take_descriptor(io, number);
}

void frame_io_detach(struct frame_io *io, uint32_t number)
{
	int fd = frame_io_release(io, number);
	if (fd >= 0)
		close(fd);
}

/* EIO is missing on purpose: a TAP answers it while its interface is down, and an interface comes up again. */
bool frame_io_is_gone(int error)
{
	return error == EBADFD || error == EBADF || error == ENODEV || error == ENXIO;
}

/*
 * Errors of a read after which the same read may well succeed. Any other one means that the port has vanished, or is down
 * and to be opened anew: ENETDOWN is a packet socket's.
 *
 * EINVAL: a super-frame of a kind that the virtio-net header has no word for, of SCTP for example. It is lost, and no more.
 *
 * A tunnel's socket has its errors from afar, where ICMP tells of somebody who does not listen. It goes on.
 */
bool frame_io_is_passing(const struct frame_io *io, uint32_t port, int error)
{
	if (io->ports[port].kind == PORT_TUNNEL)
		return error != EBADF && error != ENOTSOCK && error != EOPNOTSUPP;
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM ||
	       (error == EINVAL && io->ports[port].virtio);
}

void frame_io_lost(struct frame_io *io, uint32_t port, int error)
{
	if (io->lost_error[port] != 0)
		return;
	io->lost_error[port] = error;
	io->lost[io->lost_count++] = port;
}

void frame_io_take_wake(struct frame_io *io)
{
	uint64_t value;
	if (read(io->options.wake_fd, &value, sizeof(value)) == sizeof(value))
		io->woken = true;
}

void frame_io_transmit_failed(struct frame_io *io, uint32_t index, int error)
{
	io->transmits[index].result = -error;
	io->status[STATUS_TRANSMIT_FAILURES]++;
	uint32_t port = (uint32_t)io->transmits[index].port;
	if (frame_io_is_gone(error) && port_attached(io, port) && io->ports[port].kind == PORT_FRAMES)
		frame_io_lost(io, port, error);
}

bool frame_io_describe(struct frame_io *io, struct descriptor *to, uint32_t port, uint32_t slot, int32_t size)
{
	uint8_t *start = slot_target(io, slot);
	if (io->ports[port].virtio) {
		start += VIRTIO_NET_HEADER_SIZE;
		size -= VIRTIO_NET_HEADER_SIZE;
	} else {
		memset(start - VIRTIO_NET_HEADER_SIZE, 0, VIRTIO_NET_HEADER_SIZE);
	}
	to->port = (int32_t)port;
	to->offset = (int32_t)(start - io->memory);
	to->length = size;
	to->result = 0;
	return size >= 0;
}

int frame_io_transmit_span(const struct frame_io *io, const struct descriptor *from, struct span *out)
{
	const uint32_t header = VIRTIO_NET_HEADER_SIZE;
	uint32_t offset = (uint32_t)from->offset, length = (uint32_t)from->length;
	if (!port_attached(io, (uint32_t)from->port))
		return ENODEV;
	if (io->ports[from->port].kind != PORT_FRAMES)
		return EOPNOTSUPP;
	if (offset < io->options.slots + header || !frames_have(io, offset, length))
		return EFAULT;
	uint32_t before = io->ports[from->port].virtio ? header : 0;
	out->start = io->memory + offset - before;
	out->size = length + before;
	return 0;
}

/* Reports the ports that vanished, as many as the event list takes, and closes them. The rest wait for the next poll. */
static void report_lost(struct frame_io *io)
{
	uint32_t count = io->lost_count < io->options.events_max ? io->lost_count : io->options.events_max;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t port = io->lost[i];
		io->events[i] = (struct port_event){ .port = (int32_t)port, .error = io->lost_error[port] };
		io->lost_error[port] = 0;
		close(take_descriptor(io, port));
	}
	io->lost_count -= count;
	memmove(io->lost, io->lost + count, io->lost_count * sizeof(*io->lost));
	io->status[STATUS_EVENTS] = (int32_t)count;
}

static bool begin_transmit(struct frame_io *io, uint32_t count)
{
	io->status[STATUS_TRANSMIT_FAILURES] = 0;
	return count <= io->options.transmit_max;
}

int frame_io_transmit(struct frame_io *io, uint32_t count)
{
	return begin_transmit(io, count) ? io->backend->transmit(io, count) : -ERANGE;
}

int frame_io_poll(struct frame_io *io, uint32_t transmit_count, int32_t timeout_us)
{
	if (!begin_transmit(io, transmit_count))
		return -ERANGE;
	int count = io->backend->poll(io, transmit_count, io->lost_count > 0 || io->woken ? 0 : timeout_us);
	io->status[STATUS_WOKEN] = io->woken ? 1 : 0;
	io->woken = false;
	report_lost(io);
	return count;
}
