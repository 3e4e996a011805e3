#define _GNU_SOURCE
#include "frame_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int allocate(struct frame_io *io)
{
	const struct frame_io_options *options = &io->options;
	void *memory = mmap(NULL, options->memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
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
	release(io);
}

int frame_io_attach(struct frame_io *io, uint32_t number, int fd, bool virtio)
{
	if (number >= io->options.ports_max)
		return -ERANGE;
	struct port *port = &io->ports[number];
	if (port->fd >= 0)
		return -EEXIST;
	port->fd = fd;
	port->virtio = virtio;
	port->armed = false;
	port->lifetime++;
	int result = io->backend->attach(io, number);
	if (result < 0)
		port->fd = -1;
	return result;
}

void frame_io_detach(struct frame_io *io, uint32_t number)
{
	if (!port_attached(io, number))
		return;
	io->backend->detach(io, number);
	close(io->ports[number].fd);
	io->ports[number].fd = -1;
}

/* EIO is missing on purpose: a TAP answers it while its interface is down, and an interface comes up again. */
bool frame_io_is_gone(int error)
{
	return error == EBADFD || error == EBADF || error == ENODEV || error == ENXIO;
}

/* Errors of a read after which the same read may well succeed. Any other one means that the port has vanished. */
bool frame_io_is_passing(int error)
{
	return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

void frame_io_lost(struct frame_io *io, uint32_t port, int error)
{
	if (io->lost_error[port] != 0)
		return;
	io->lost_error[port] = error;
	io->lost[io->lost_count++] = port;
}

void frame_io_transmit_failed(struct frame_io *io, uint32_t index, int error)
{
	io->transmits[index].result = -error;
	io->status[STATUS_TRANSMIT_FAILURES]++;
	if (frame_io_is_gone(error) && port_attached(io, (uint32_t)io->transmits[index].port))
		frame_io_lost(io, (uint32_t)io->transmits[index].port, error);
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

bool frame_io_transmit_span(const struct frame_io *io, const struct descriptor *from, struct span *out)
{
	const uint32_t header = VIRTIO_NET_HEADER_SIZE;
	uint32_t offset = (uint32_t)from->offset, length = (uint32_t)from->length;
	if (!port_attached(io, (uint32_t)from->port) || offset < io->options.slots + header ||
	    offset > io->options.memory_size || length > io->options.memory_size - offset)
		return false;
	uint32_t before = io->ports[from->port].virtio ? header : 0;
	out->start = io->memory + offset - before;
	out->size = length + before;
	return true;
}

/* Reports the ports that vanished, as many as the event list takes, and closes them. The rest wait for the next poll. */
static void report_lost(struct frame_io *io)
{
	uint32_t count = io->lost_count < io->options.events_max ? io->lost_count : io->options.events_max;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t port = io->lost[i];
		io->events[i] = (struct port_event){ .port = (int32_t)port, .error = io->lost_error[port] };
		io->lost_error[port] = 0;
		frame_io_detach(io, port);
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

int frame_io_poll(struct frame_io *io, uint32_t transmit_count, int32_t timeout_ms)
{
	if (!begin_transmit(io, transmit_count))
		return -ERANGE;
	io->status[STATUS_WOKEN] = 0;
	int count = io->backend->poll(io, transmit_count, io->lost_count > 0 ? 0 : timeout_ms);
	report_lost(io);
	return count;
}
