/*
 * The portable backend: one write(2) a transmission, one epoll_pwait2(2), one read(2) a frame. For kernels and containers
 * without io_uring.
 *
 * A burst always begins with the first slot: what was used last is read into next, while its lines are in the cache.
 */
#define _GNU_SOURCE
#include "frame_io.h"

#include "gather.h"
#include "outbox.h"
#include "tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READY_MAX 256
#define WAKE_TOKEN UINT32_MAX
/* Vectors of one writev(2): the kernel takes no more (UIO_MAXIOV). */
#define VECTORS_MAX 1024
/* Datagrams that one recvmmsg(2) takes. */
#define MESSAGES_MAX 32

/* Newer than some C libraries. All architectures have this number. */
#define NR_EPOLL_PWAIT2 441

/* The kernel's own, which has 64 bits everywhere (struct __kernel_timespec). */
struct kernel_timespec {
	long long seconds;
	long long nanoseconds;
};

struct state {
	int epoll_fd;
	bool lacks_pwait2;
	struct epoll_event ready[READY_MAX];
	struct iovec vectors[VECTORS_MAX];
	struct mmsghdr messages[MESSAGES_MAX];
	struct iovec payloads[MESSAGES_MAX];
};

static int watch(struct frame_io *io, int fd, uint32_t token)
{
	struct state *state = io->state;
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = token };
	return epoll_ctl(state->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static void close_backend(struct frame_io *io)
{
	struct state *state = io->state;
	if (state == NULL)
		return;
	if (state->epoll_fd >= 0)
		close(state->epoll_fd);
	free(state);
	io->state = NULL;
}

static int open_backend(struct frame_io *io)
{
	struct state *state = calloc(1, sizeof(*state));
	if (state == NULL)
		return -ENOMEM;
	io->state = state;
	state->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int result = state->epoll_fd < 0 ? -errno : watch(io, io->options.wake_fd, WAKE_TOKEN);
	if (result < 0)
		close_backend(io);
	return result;
}

static int attach(struct frame_io *io, uint32_t port)
{
	return watch(io, io->ports[port].fd, port);
}

static void detach(struct frame_io *io, uint32_t port)
{
	struct state *state = io->state;
	epoll_ctl(state->epoll_fd, EPOLL_CTL_DEL, io->ports[port].fd, NULL);
}

/* 0, or an errno. */
static int write_gathered(struct frame_io *io, const struct descriptor *from)
{
	struct state *state = io->state;
	uint8_t header[VIRTIO_NET_HEADER_SIZE];
	int count = gather_frame(io, from, header, state->vectors, VECTORS_MAX);
	if (count < 0)
		return -count;
	return writev(io->ports[from->port].fd, state->vectors, count) < 0 ? errno : 0;
}

/* 0, or an errno. */
static int write_frame(struct frame_io *io, const struct descriptor *from)
{
	struct span span;
	int error = frame_io_transmit_span(io, from, &span);
	if (error != 0)
		return error;
	if (gather_wanted(io, from))
		return write_gathered(io, from);
	return write(io->ports[from->port].fd, span.start, span.size) < 0 ? errno : 0;
}

static int transmit(struct frame_io *io, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct descriptor *from = &io->transmits[i];
		from->result = 0;
		if (is_peer(io, (uint32_t)from->port)) {
			outbox_take(io, i);
			continue;
		}
		int error = write_frame(io, from);
		if (error != 0)
			frame_io_transmit_failed(io, i, error);
	}
	outbox_flush(io);
	return 0;
}

/* Frames that a burst can have: each needs its descriptor and its slot. */
static uint32_t burst_room(const struct frame_io *io)
{
	return io->options.burst_max < io->options.slot_count ? io->options.burst_max : io->options.slot_count;
}

static void failed_read(struct frame_io *io, uint32_t port, int error)
{
	if (!frame_io_is_passing(io, port, error))
		frame_io_lost(io, port, error);
}

/* Reads frames of `port` into the slots from `count` to `end`; returns the new count. */
static uint32_t receive_frames(struct frame_io *io, uint32_t port, uint32_t count, uint32_t end)
{
	while (count < end) {
		ssize_t size = read(io->ports[port].fd, slot_target(io, count), slot_room(io));
		if (size <= 0) {
			failed_read(io, port, size < 0 ? errno : ENODEV); /* nothing, and nothing will come */
			break;
		}
		if (frame_io_describe(io, &io->received[count], port, count, (int32_t)size))
			count++;
	}
	return count;
}

/* A message for each of the slots from `first` on, laid out as tunnel.h says. */
static void prepare_messages(struct frame_io *io, uint32_t first, uint32_t count)
{
	struct state *state = io->state;
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *start = slot_target(io, first + i), *name = start + TUNNEL_RECEIVED_SIZE;
		state->payloads[i].iov_base = start + TUNNEL_PAYLOAD_AT;
		state->payloads[i].iov_len = slot_room(io) - TUNNEL_PAYLOAD_AT;
		state->messages[i].msg_hdr = (struct msghdr){
			.msg_name = name,
			.msg_namelen = TUNNEL_NAME_SIZE,
			.msg_control = name + TUNNEL_NAME_SIZE,
			.msg_controllen = TUNNEL_CONTROL_SIZE,
			.msg_iov = &state->payloads[i],
			.msg_iovlen = 1,
		};
	}
}

/* The same with datagrams of a tunnel. */
static uint32_t receive_datagrams(struct frame_io *io, uint32_t port, uint32_t count, uint32_t end)
{
	struct state *state = io->state;
	while (count < end) {
		uint32_t most = end - count < MESSAGES_MAX ? end - count : MESSAGES_MAX;
		prepare_messages(io, count, most);
		int got = recvmmsg(io->ports[port].fd, state->messages, most, MSG_DONTWAIT, NULL);
		if (got < 0) {
			failed_read(io, port, errno);
			break;
		}
		for (int i = 0; i < got; i++, count++) {
			const struct msghdr *message = &state->messages[i].msg_hdr;
			const struct arrival arrival = {
				.slot = count,
				.name_size = message->msg_namelen,
				.control_size = (uint32_t)message->msg_controllen,
				.flags = (uint32_t)message->msg_flags,
				.size = state->messages[i].msg_len,
			};
			tunnel_describe(io, count, port, &arrival);
		}
		if ((uint32_t)got < most)
			break;
	}
	return count;
}

static uint32_t receive(struct frame_io *io, uint32_t port, uint32_t count, uint32_t end)
{
	return io->ports[port].kind == PORT_TUNNEL ? receive_datagrams(io, port, count, end)
	                                           : receive_frames(io, port, count, end);
}

/*
 * epoll_wait(2) with microseconds: epoll_pwait2(2), which Linux has since 5.11. Where it is missing, or a filter of system calls does not
 * know it, the time is rounded up to milliseconds: somewhat late is better than a loop that does not wait at all.
 */
static int wait_for_events(struct state *state, int most, int32_t timeout_us)
{
	if (timeout_us > 0 && !state->lacks_pwait2) {
		struct kernel_timespec time = { timeout_us / 1000000, (long long)(timeout_us % 1000000) * 1000 };
		long ready = syscall(NR_EPOLL_PWAIT2, state->epoll_fd, state->ready, most, &time, NULL, 0);
		if (ready >= 0)
			return (int)ready;
		if (errno != ENOSYS && errno != EPERM)
			return -errno;
		state->lacks_pwait2 = true;
	}
	int timeout_ms = timeout_us > 0 ? (int)(((long long)timeout_us + 999) / 1000) : timeout_us;
	int ready = epoll_wait(state->epoll_fd, state->ready, most, timeout_ms);
	return ready < 0 ? -errno : ready;
}

static int poll_burst(struct frame_io *io, uint32_t transmit_count, int32_t timeout_us)
{
	struct state *state = io->state;
	transmit(io, transmit_count);
	uint32_t count = 0, room = burst_room(io);
	/* No more ports than there is room for: the kernel begins with the others at the next call, so each has its turn. */
	int most = room < READY_MAX ? (int)room : READY_MAX;
	int ready = wait_for_events(state, most, io->lost_count > 0 ? 0 : timeout_us);
	if (ready < 0)
		return ready == -EINTR ? 0 : ready;
	/* The room is shared evenly among the ready ports, so that a busy one does not fill the burst alone. */
	for (int i = 0; i < ready; i++) {
		uint32_t port = state->ready[i].data.u32;
		if (port == WAKE_TOKEN)
			frame_io_take_wake(io);
		else if (port_attached(io, port))
			count = receive(io, port, count, count + (room - count) / (uint32_t)(ready - i));
	}
	return (int)count;
}

const struct backend epoll_backend = {
	.name = "epoll",
	.open = open_backend,
	.close = close_backend,
	.attach = attach,
	.detach = detach,
	.transmit = transmit,
	.poll = poll_burst,
};
