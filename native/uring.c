/*
 * The io_uring backend, on raw system calls (Linux 6.7 for the multishot read; no liburing).
 *
 *   - Each port has one multishot read under way, which takes a slot of the provided-buffer ring for each frame.
 *   - A poll puts one write a transmission into the submission queue and submits them together with the wait for
 *     the next frames: as a rule one system call a burst, both directions.
 *   - Descriptors are registered, so that the kernel need not look them up by file table; so is the frame memory.
 *
 * Why slots can go back to the kernel in the same call that transmits from them. Writes carry RWF_NOWAIT: the kernel
 * executes them while it takes them from the submission queue, and never puts one aside (it answers EAGAIN instead).
 * The ring is DEFER_TASKRUN: a pending read runs only when the task waits for completions, which io_uring_enter does
 * after it has submitted everything. A read that is newly started runs at its place in the submission queue, which is
 * behind the writes. So all frames have been read out of their slots before any slot is filled again.
 *
 * That a write is over is one thing, that its completion is in the queue another: a failed one comes by task work, of
 * which a kernel may do as little as 20 pieces a call. So the completions of writes are counted, and nobody returns before the
 * last has come: what comes later would be taken for the result of another write.
 */
#define _GNU_SOURCE
#include "frame_io.h"

#include "gather.h"
#include "outbox.h"
#include "tunnel.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Newer than the headers of some distributions; numbers from include/uapi/linux/io_uring.h. */
#define OP_READ_MULTISHOT 49
#ifndef IORING_RECV_MULTISHOT
#define IORING_RECV_MULTISHOT (1U << 1)
#endif
#ifndef IORING_SETUP_SUBMIT_ALL
#define IORING_SETUP_SUBMIT_ALL (1U << 7)
#endif
#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

/* Small, so that the ring stays in the first-level cache; a burst with more transmissions submits in parts. */
#define SUBMISSIONS 256
#define COMPLETIONS 1024
#define SLOT_GROUP 0

/* Vectors of gathered frames that are queued, and of one of them, of which the kernel takes no more (UIO_MAXIOV). */
#define VECTORS 4096
#define VECTORS_MAX 1024

/* A completion that is due is there within microseconds. One that is not after this time is lost, which is a fault. */
#define COMPLETION_TIMEOUT_US 5000000

/* A read that has taken more frames than this since it was started belongs to a busy port: see start_reads. */
#define BUSY_FRAMES 16

/* user_data: what completed (8 bits), the port's lifetime (16 bits), the port or the transmission (32 bits). */
enum kind { KIND_READ = 1, KIND_WRITE = 2, KIND_WAKE = 3, KIND_CANCEL = 4 };
#define USER_DATA(kind, lifetime, number) ((uint64_t)(kind) << 56 | (uint64_t)(lifetime) << 32 | (number))
#define USER_KIND(data) ((enum kind)((data) >> 56))
#define USER_LIFETIME(data) ((uint16_t)((data) >> 32))
#define USER_NUMBER(data) ((uint32_t)(data))

struct state {
	int fd;
	/* Submission queue: we write at tail, the kernel reads from head. */
	struct io_uring_sqe *sqes;
	uint32_t *sq_head, *sq_tail, *sq_flags;
	uint32_t sq_mask, sq_entries, sq_local_tail, sq_unsubmitted;
	/* Completion queue: the kernel writes at tail, we read from head. */
	struct io_uring_cqe *cqes;
	uint32_t *cq_head, *cq_tail;
	uint32_t cq_mask;
	/* Writes whose completion has not come. 0 whenever the data path runs. */
	uint32_t writes_left;
	/* The slots that the kernel may read into: we give at tail. */
	struct io_uring_buf_ring *slots;
	uint32_t slots_entries;
	uint16_t slots_tail;
	/* The frame memory is pinned and mapped in the kernel: see register_memory. */
	bool memory_registered;
	/* The slots of the burst that the data path has now. */
	uint32_t *burst;
	uint32_t burst_count;
	/* Completed reads that the burst has no room for: frames of a later poll, still in their slots. */
	struct io_uring_cqe *backlog;
	uint32_t backlog_count;
	/* Ports that wait for their multishot read to be started, or started again, each once; longest wait first. */
	uint32_t *waiting;
	uint32_t waiting_count;
	/* How much of a buffer a tunnel's datagram leaves to its source and its control messages. */
	struct msghdr received;
	/* Of gathered frames in the submission queue: the kernel reads them while it takes the queue. */
	struct iovec *vectors;
	uint32_t vectors_used;
	uint8_t headers[SUBMISSIONS][VIRTIO_NET_HEADER_SIZE];
	void *rings;
	size_t rings_size;
	size_t sqes_size;
	size_t slots_size;
};

static int ring_setup(uint32_t entries, struct io_uring_params *params)
{
	int result = (int)syscall(__NR_io_uring_setup, entries, params);
	return result < 0 ? -errno : result;
}

static int ring_register(int fd, uint32_t opcode, void *argument, uint32_t count)
{
	int result = (int)syscall(__NR_io_uring_register, fd, opcode, argument, count);
	return result < 0 ? -errno : result;
}

/* ------------------------------------------------------------------------------------------- submission */

/*
 * Submits what stands in the queue, and waits until the completion queue has `completions`, but no longer than
 * `timeout_us` (-1: for ever). ETIME: they are not there by then. A signal may end the wait earlier.
 */
static int enter(struct state *state, uint32_t completions, int32_t timeout_us)
{
	struct __kernel_timespec time = {
		.tv_sec = timeout_us / 1000000,
		.tv_nsec = (long long)(timeout_us % 1000000) * 1000,
	};
	struct io_uring_getevents_arg argument = { .ts = timeout_us >= 0 ? (uint64_t)(uintptr_t)&time : 0 };
	__atomic_store_n(state->sq_tail, state->sq_local_tail, __ATOMIC_RELEASE);
	int result = (int)syscall(__NR_io_uring_enter, state->fd, state->sq_unsubmitted, completions,
	                          IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument, sizeof(argument));
	int error = result < 0 ? errno : 0;
	/* Also an enter that ends with a timeout or a signal has taken the submissions: the head says how many. */
	uint32_t head = __atomic_load_n(state->sq_head, __ATOMIC_ACQUIRE);
	state->sq_unsubmitted = state->sq_local_tail - head;
	return error == EINTR || error == EAGAIN || error == EBUSY ? 0 : -error;
}

/* The next free entry of the submission queue, all zero; NULL where the kernel takes no more for now. */
static struct io_uring_sqe *submission(struct state *state)
{
	if (state->sq_unsubmitted == state->sq_entries)
		enter(state, 0, 0);
	if (state->sq_unsubmitted == state->sq_entries)
		return NULL;
	struct io_uring_sqe *sqe = &state->sqes[state->sq_local_tail & state->sq_mask];
	state->sq_local_tail++;
	state->sq_unsubmitted++;
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

static bool submit_read(struct frame_io *io, uint32_t number)
{
	struct io_uring_sqe *sqe = submission(io->state);
	if (sqe == NULL)
		return false;
	if (io->ports[number].kind == PORT_TUNNEL) {
		sqe->opcode = IORING_OP_RECVMSG;
		sqe->ioprio = IORING_RECV_MULTISHOT;
		sqe->addr = (uint64_t)(uintptr_t)&((struct state *)io->state)->received;
	} else {
		sqe->opcode = OP_READ_MULTISHOT;
		sqe->off = (uint64_t)-1;
	}
	sqe->flags = IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
	sqe->fd = (int32_t)number;
	sqe->buf_group = SLOT_GROUP;
	sqe->user_data = USER_DATA(KIND_READ, io->ports[number].lifetime, number);
	io->ports[number].armed = true;
	io->ports[number].taken = 0;
	return true;
}

static void submit_wake(struct frame_io *io)
{
	struct io_uring_sqe *sqe = submission(io->state);
	if (sqe == NULL)
		return;
	sqe->opcode = IORING_OP_POLL_ADD;
	sqe->fd = io->options.wake_fd;
	sqe->poll32_events = POLLIN;
	sqe->len = IORING_POLL_ADD_MULTI;
	sqe->user_data = USER_DATA(KIND_WAKE, 0, 0);
}

/* ------------------------------------------------------------------------------------------------ slots */

static void give_slot(struct frame_io *io, uint32_t slot)
{
	struct state *state = io->state;
	struct io_uring_buf *buffer = &state->slots->bufs[state->slots_tail & (state->slots_entries - 1)];
	buffer->addr = (uint64_t)(uintptr_t)slot_target(io, slot);
	buffer->len = slot_room(io);
	buffer->bid = (uint16_t)slot;
	state->slots_tail++;
}

static void publish_slots(struct state *state)
{
	__atomic_store_n(&state->slots->tail, state->slots_tail, __ATOMIC_RELEASE);
}

static void take_burst_back(struct frame_io *io)
{
	struct state *state = io->state;
	for (uint32_t i = 0; i < state->burst_count; i++)
		give_slot(io, state->burst[i]);
	state->burst_count = 0;
	publish_slots(state);
}

/* ------------------------------------------------------------------------------------------- completion */

static bool has_slot(const struct io_uring_cqe *cqe)
{
	return cqe->flags & IORING_CQE_F_BUFFER;
}

static uint32_t slot_of(const struct io_uring_cqe *cqe)
{
	return cqe->flags >> IORING_CQE_BUFFER_SHIFT;
}

/* Whether the completion is of the port's present life. */
static bool is_current(const struct frame_io *io, const struct io_uring_cqe *cqe)
{
	uint32_t port = USER_NUMBER(cqe->user_data);
	return port_attached(io, port) && io->ports[port].lifetime == USER_LIFETIME(cqe->user_data);
}

static void wait_for_read(struct frame_io *io, uint32_t port)
{
	struct state *state = io->state;
	if (io->ports[port].waiting)
		return;
	io->ports[port].waiting = true;
	state->waiting[state->waiting_count++] = port;
}

static void ended_read(struct frame_io *io, uint32_t port, int32_t result)
{
	int error = result == 0 ? ENODEV : -result; /* 0: nothing, and nothing will come */
	if (result > 0 || frame_io_is_passing(io, port, error))
		wait_for_read(io, port);
	else
		frame_io_lost(io, port, error);
}

/* What multishot RECVMSG writes before the name (struct io_uring_recvmsg_out). */
struct received {
	uint32_t name_size, control_size, payload_size, flags;
};

static bool describe_datagram(struct frame_io *io, uint32_t port, const struct io_uring_cqe *cqe)
{
	struct state *state = io->state;
	struct received received;
	uint32_t slot = slot_of(cqe);
	if (cqe->res < TUNNEL_PAYLOAD_AT)
		return false;
	memcpy(&received, slot_target(io, slot), sizeof(received));
	const struct arrival arrival = {
		.slot = slot,
		.name_size = received.name_size,
		.control_size = received.control_size,
		.flags = received.flags,
		.size = (uint32_t)cqe->res - TUNNEL_PAYLOAD_AT,
	};
	tunnel_describe(io, state->burst_count, port, &arrival);
	return true;
}

static bool describe(struct frame_io *io, uint32_t port, const struct io_uring_cqe *cqe)
{
	struct state *state = io->state;
	if (io->ports[port].kind == PORT_TUNNEL)
		return describe_datagram(io, port, cqe);
	return frame_io_describe(io, &io->received[state->burst_count], port, slot_of(cqe), cqe->res);
}

/* A frame of a port, or the end of its multishot read, or both. */
static void completed_read(struct frame_io *io, const struct io_uring_cqe *cqe)
{
	struct state *state = io->state;
	uint32_t port = USER_NUMBER(cqe->user_data);
	if (has_slot(cqe)) {
		if (describe(io, port, cqe))
			state->burst[state->burst_count++] = slot_of(cqe);
		else
			give_slot(io, slot_of(cqe));
	}
	if (!(cqe->flags & IORING_CQE_F_MORE))
		ended_read(io, port, cqe->res);
}

/*
 * Takes a read's completion to the burst, or to the backlog where the burst is full. The backlog has room for a frame
 * in every slot and an end of every port's read, and detaching removes the port's: it cannot run over.
 */
static void sort_read(struct frame_io *io, const struct io_uring_cqe *cqe, uint32_t burst_room)
{
	struct state *state = io->state;
	if (!is_current(io, cqe)) {
		if (has_slot(cqe))
			give_slot(io, slot_of(cqe));
		return;
	}
	struct port *port = &io->ports[USER_NUMBER(cqe->user_data)];
	if (has_slot(cqe))
		port->taken++;
	if (!(cqe->flags & IORING_CQE_F_MORE))
		port->armed = false;
	if (!has_slot(cqe) && frame_io_is_passing(io, USER_NUMBER(cqe->user_data), -cqe->res)) {
		/* Not behind the backlog: the port would miss the slots that this poll gives back. */
		ended_read(io, USER_NUMBER(cqe->user_data), cqe->res);
	} else if (state->burst_count >= burst_room || state->backlog_count > 0) {
		state->backlog[state->backlog_count++] = *cqe;
	} else {
		completed_read(io, cqe);
	}
}

static void completed_write(struct frame_io *io, const struct io_uring_cqe *cqe)
{
	struct state *state = io->state;
	state->writes_left--;
	if (cqe->res < 0)
		frame_io_transmit_failed(io, USER_NUMBER(cqe->user_data), -cqe->res);
}

static void completed_wake(struct frame_io *io, const struct io_uring_cqe *cqe)
{
	frame_io_take_wake(io);
	if (cqe->res >= 0 && !(cqe->flags & IORING_CQE_F_MORE))
		submit_wake(io);
}

static void take_completions(struct frame_io *io, uint32_t burst_room)
{
	struct state *state = io->state;
	uint32_t head = *state->cq_head;
	uint32_t tail = __atomic_load_n(state->cq_tail, __ATOMIC_ACQUIRE);
	for (; head != tail; head++) {
		const struct io_uring_cqe *cqe = &state->cqes[head & state->cq_mask];
		enum kind kind = USER_KIND(cqe->user_data);
		if (kind == KIND_READ)
			sort_read(io, cqe, burst_room);
		else if (kind == KIND_WRITE)
			completed_write(io, cqe);
		else if (kind == KIND_WAKE)
			completed_wake(io, cqe);
	}
	__atomic_store_n(state->cq_head, head, __ATOMIC_RELEASE);
	publish_slots(state);
}

static void take_backlog(struct frame_io *io)
{
	struct state *state = io->state;
	uint32_t taken = 0;
	while (taken < state->backlog_count && state->burst_count < io->options.burst_max)
		completed_read(io, &state->backlog[taken++]);
	state->backlog_count -= taken;
	memmove(state->backlog, state->backlog + taken, state->backlog_count * sizeof(*state->backlog));
	publish_slots(state);
}

/* Takes what waits of a port out of the backlog, and gives its slots back. */
static void forget_backlog(struct frame_io *io, uint32_t port)
{
	struct state *state = io->state;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < state->backlog_count; i++) {
		const struct io_uring_cqe *cqe = &state->backlog[i];
		if (USER_NUMBER(cqe->user_data) != port)
			state->backlog[kept++] = *cqe;
		else if (has_slot(cqe))
			give_slot(io, slot_of(cqe));
	}
	state->backlog_count = kept;
	publish_slots(state);
}

static void forget_waiting(struct frame_io *io, uint32_t port)
{
	struct state *state = io->state;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < state->waiting_count; i++) {
		if (state->waiting[i] != port)
			state->waiting[kept++] = state->waiting[i];
	}
	state->waiting_count = kept;
	io->ports[port].waiting = false;
}

/* The kernel keeps completions that the queue has no room for, and hands them over at the next enter. */
static bool overflowed(const struct state *state)
{
	return __atomic_load_n(state->sq_flags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW;
}

static bool is_busy(const struct frame_io *io, uint32_t port)
{
	return io->ports[port].taken > BUSY_FRAMES;
}

/* Starts the reads of waiting ports, all that are not busy, or the one busy port that has waited longest. */
static void start_reads_of(struct frame_io *io, bool busy)
{
	struct state *state = io->state;
	uint32_t kept = 0;
	bool enough = false;
	for (uint32_t i = 0; i < state->waiting_count; i++) {
		uint32_t port = state->waiting[i];
		if (enough || is_busy(io, port) != busy || !submit_read(io, port)) {
			state->waiting[kept++] = port;
			continue;
		}
		io->ports[port].waiting = false;
		enough = busy;
	}
	state->waiting_count = kept;
}

/*
 * A read goes on until its port's queue is empty or no slot is left, so a port that is flooded takes every slot there
 * is, and all other reads end for want of one. Were they started together again, it would have all slots again but one
 * for each other port. So the others go first, and the busy ones take turns, one a poll.
 */
static void start_reads(struct frame_io *io)
{
	const struct state *state = io->state;
	if (state->waiting_count == 0)
		return;
	start_reads_of(io, false);
	start_reads_of(io, true);
}

/* ------------------------------------------------------------------------------------------------ bursts */

/* The next entry for a write; what is queued is submitted first where there is no room for it and its vectors. */
static struct io_uring_sqe *write_submission(struct frame_io *io, uint32_t vectors)
{
	struct state *state = io->state;
	/* Each part's completions are taken before the next part, so that the queue need not hold those of all. */
	bool full = state->sq_unsubmitted == state->sq_entries || state->vectors_used + vectors > VECTORS;
	if (full && enter(state, 0, 0) == 0)
		take_completions(io, 0);
	if (state->sq_unsubmitted == 0)
		state->vectors_used = 0;
	return state->vectors_used + vectors > VECTORS ? NULL : submission(state);
}

/* 0, or an errno. */
static int submit_gathered(struct frame_io *io, const struct descriptor *from, struct io_uring_sqe **out)
{
	struct state *state = io->state;
	struct io_uring_sqe *sqe = write_submission(io, VECTORS_MAX);
	if (sqe == NULL)
		return ENOBUFS;
	uint8_t *header = state->headers[(uint32_t)(sqe - state->sqes)];
	struct iovec *vectors = state->vectors + state->vectors_used;
	int count = gather_frame(io, from, header, vectors, VECTORS_MAX);
	if (count < 0) {
		/* Not this one: the entry is the next one's. */
		state->sq_local_tail--;
		state->sq_unsubmitted--;
		return -count;
	}
	state->vectors_used += (uint32_t)count;
	sqe->opcode = IORING_OP_WRITEV;
	sqe->addr = (uint64_t)(uintptr_t)vectors;
	sqe->len = (uint32_t)count;
	*out = sqe;
	return 0;
}

/* 0, or an errno. */
static int submit_write(struct frame_io *io, uint32_t index)
{
	struct state *state = io->state;
	const struct descriptor *from = &io->transmits[index];
	struct span span;
	struct io_uring_sqe *sqe = NULL;
	int error = frame_io_transmit_span(io, from, &span);
	if (error == 0 && gather_wanted(io, from)) {
		error = submit_gathered(io, from, &sqe);
	} else if (error == 0) {
		sqe = write_submission(io, 0);
		if (sqe == NULL)
			return ENOBUFS;
		sqe->opcode = state->memory_registered ? IORING_OP_WRITE_FIXED : IORING_OP_WRITE;
		sqe->addr = (uint64_t)(uintptr_t)span.start;
		sqe->len = span.size;
	}
	if (error != 0)
		return error;
	sqe->flags = IOSQE_FIXED_FILE;
	sqe->fd = from->port;
	sqe->off = (uint64_t)-1;
	sqe->rw_flags = RWF_NOWAIT;
	sqe->user_data = USER_DATA(KIND_WRITE, 0, index);
	state->writes_left++;
	return 0;
}

static void submit_writes(struct frame_io *io, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		io->transmits[i].result = 0;
		if (is_peer(io, (uint32_t)io->transmits[i].port)) {
			outbox_take(io, i);
			continue;
		}
		int error = submit_write(io, i);
		if (error != 0)
			frame_io_transmit_failed(io, i, error);
	}
	outbox_flush(io);
}

/* What the kernel did not take of the submission queue for want of memory: writes are refused, the rest stays. */
static void refuse_writes_left(struct frame_io *io)
{
	struct state *state = io->state;
	for (uint32_t i = state->sq_local_tail - state->sq_unsubmitted; i != state->sq_local_tail; i++) {
		struct io_uring_sqe *sqe = &state->sqes[i & state->sq_mask];
		if (USER_KIND(sqe->user_data) != KIND_WRITE)
			continue;
		frame_io_transmit_failed(io, USER_NUMBER(sqe->user_data), ENOBUFS);
		state->writes_left--;
		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = IORING_OP_NOP;
		sqe->user_data = USER_DATA(KIND_CANCEL, 0, 0);
	}
}

/*
 * Hands over what an enter has left in the submission queue, as long as the kernel takes any of it. An enter that takes a
 * part does no task work: no slot is filled before the last write has been carried out or refused.
 */
static int submit_left(struct frame_io *io)
{
	struct state *state = io->state;
	for (;;) {
		uint32_t left = state->sq_unsubmitted;
		int result = enter(state, 0, 0);
		if (result < 0 || state->sq_unsubmitted == 0)
			return result;
		if (state->sq_unsubmitted == left) {
			refuse_writes_left(io);
			return 0;
		}
	}
}

/* Submits what is queued, waits if asked to, and takes completions until all writes are over and the kernel keeps none back. */
static int submit_and_take(struct frame_io *io, uint32_t burst_room, bool wait, int32_t timeout_us)
{
	struct state *state = io->state;
	/* One more than the writes have: the first of something that has come. */
	int result = wait ? enter(state, state->writes_left + 1, timeout_us)
	                  : enter(state, state->writes_left, COMPLETION_TIMEOUT_US);
	if (result == -ETIME)
		result = 0;
	if (result == 0 && state->sq_unsubmitted > 0)
		result = submit_left(io);
	take_completions(io, burst_room);
	while (result == 0 && (state->writes_left > 0 || overflowed(state))) {
		result = enter(state, state->writes_left, COMPLETION_TIMEOUT_US);
		take_completions(io, burst_room);
	}
	return result;
}

static int transmit(struct frame_io *io, uint32_t count)
{
	submit_writes(io, count);
	return submit_and_take(io, 0, false, 0);
}

static int poll_burst(struct frame_io *io, uint32_t transmit_count, int32_t timeout_us)
{
	struct state *state = io->state;
	/* Writes first: a full queue submits in parts, and none of the slots may be given back before its last write. */
	submit_writes(io, transmit_count);
	take_burst_back(io);
	take_backlog(io);
	start_reads(io);
	bool at_hand = state->burst_count > 0 || io->lost_count > 0 || io->woken || state->waiting_count > 0;
	bool wait = timeout_us != 0 && !at_hand;
	int result = submit_and_take(io, io->options.burst_max, wait, timeout_us);
	return result < 0 ? result : (int)state->burst_count;
}

/* ------------------------------------------------------------------------------------------------ ports */

static int register_file(struct state *state, uint32_t port, int fd)
{
	struct io_uring_files_update update = { .offset = port, .fds = (uint64_t)(uintptr_t)&fd };
	int result = ring_register(state->fd, IORING_REGISTER_FILES_UPDATE, &update, 1);
	return result < 0 ? result : 0;
}

/*
 * The next poll starts the read, behind its writes. Here it would stand before them in the queue, and could read a frame
 * that waits already into a slot which they have yet to send from.
 */
static int attach(struct frame_io *io, uint32_t port)
{
	int result = register_file(io->state, port, io->ports[port].fd);
	if (result < 0)
		return result;
	io->ports[port].taken = 0;
	wait_for_read(io, port);
	return 0;
}

/* The pending read holds the device open: it is cancelled, and its end awaited. */
static void cancel_read(struct frame_io *io, uint32_t port)
{
	struct state *state = io->state;
	struct io_uring_sqe *sqe = submission(state);
	if (sqe == NULL)
		return;
	sqe->opcode = IORING_OP_ASYNC_CANCEL;
	sqe->addr = USER_DATA(KIND_READ, io->ports[port].lifetime, port);
	sqe->user_data = USER_DATA(KIND_CANCEL, 0, port);
	int result = 0;
	while (result == 0 && io->ports[port].armed) {
		result = enter(state, 1, COMPLETION_TIMEOUT_US);
		take_completions(io, 0);
	}
}

static void detach(struct frame_io *io, uint32_t port)
{
	if (io->ports[port].armed)
		cancel_read(io, port);
	io->ports[port].armed = false;
	register_file(io->state, port, -1);
	forget_waiting(io, port);
	forget_backlog(io, port);
}

/* ------------------------------------------------------------------------------------- opening and closing */

static void close_backend(struct frame_io *io)
{
	struct state *state = io->state;
	if (state == NULL)
		return;
	if (state->fd >= 0)
		close(state->fd);
	if (state->sqes != NULL)
		munmap(state->sqes, state->sqes_size);
	if (state->rings != NULL)
		munmap(state->rings, state->rings_size);
	if (state->slots != NULL)
		munmap(state->slots, state->slots_size);
	free(state->waiting);
	free(state->burst);
	free(state->backlog);
	free(state->vectors);
	free(state);
	io->state = NULL;
}

static void *map(size_t size, int fd, off_t offset)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
	void *result = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);
	return result == MAP_FAILED ? NULL : result;
}

static int open_rings(struct frame_io *io)
{
	struct state *state = io->state;
	struct io_uring_params params = {
		.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
		         IORING_SETUP_SUBMIT_ALL,
		.cq_entries = COMPLETIONS,
	};
	state->fd = ring_setup(SUBMISSIONS, &params);
	if (state->fd < 0)
		return state->fd;
	if (!(params.features & IORING_FEAT_SINGLE_MMAP) || !(params.features & IORING_FEAT_EXT_ARG))
		return -ENOSYS;
	size_t sq_size = params.sq_off.array + params.sq_entries * sizeof(uint32_t);
	size_t cq_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
	state->rings_size = sq_size > cq_size ? sq_size : cq_size;
	state->rings = map(state->rings_size, state->fd, IORING_OFF_SQ_RING);
	state->sqes_size = params.sq_entries * sizeof(struct io_uring_sqe);
	state->sqes = map(state->sqes_size, state->fd, IORING_OFF_SQES);
	if (state->rings == NULL || state->sqes == NULL)
		return -ENOMEM;
	uint8_t *rings = state->rings;
	state->sq_head = (uint32_t *)(rings + params.sq_off.head);
	state->sq_tail = (uint32_t *)(rings + params.sq_off.tail);
	state->sq_flags = (uint32_t *)(rings + params.sq_off.flags);
	state->sq_mask = *(uint32_t *)(rings + params.sq_off.ring_mask);
	state->sq_entries = params.sq_entries;
	uint32_t *order = (uint32_t *)(rings + params.sq_off.array);
	for (uint32_t i = 0; i < params.sq_entries; i++)
		order[i] = i;
	state->cq_head = (uint32_t *)(rings + params.cq_off.head);
	state->cq_tail = (uint32_t *)(rings + params.cq_off.tail);
	state->cq_mask = *(uint32_t *)(rings + params.cq_off.ring_mask);
	state->cqes = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
	return 0;
}

static int require_multishot_read(const struct state *state)
{
	size_t size = sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op);
	struct io_uring_probe *probe = calloc(1, size);
	if (probe == NULL)
		return -ENOMEM;
	int result = ring_register(state->fd, IORING_REGISTER_PROBE, probe, 256);
	if (result >= 0)
		result = probe->last_op >= OP_READ_MULTISHOT ? 0 : -EOPNOTSUPP;
	free(probe);
	return result;
}

static int open_files(const struct frame_io *io)
{
	const struct state *state = io->state;
	struct io_uring_rsrc_register files = { .nr = io->options.ports_max, .flags = IORING_RSRC_REGISTER_SPARSE };
	return ring_register(state->fd, IORING_REGISTER_FILES2, &files, sizeof(files));
}

/*
 * Pins slots and arena, so that a write need not look its pages up: a few percent of the cost of a super-frame. Where
 * RLIMIT_MEMLOCK does not allow it, writes go without.
 */
static void register_memory(struct frame_io *io)
{
	struct state *state = io->state;
	struct iovec memory = { .iov_base = io->memory, .iov_len = io->options.gathers };
	state->memory_registered = ring_register(state->fd, IORING_REGISTER_BUFFERS, &memory, 1) >= 0;
}

static int open_slots(struct frame_io *io)
{
	struct state *state = io->state;
	state->slots_entries = 1;
	while (state->slots_entries < io->options.slot_count)
		state->slots_entries <<= 1;
	state->slots_size = state->slots_entries * sizeof(struct io_uring_buf);
	state->slots = map(state->slots_size, -1, 0);
	if (state->slots == NULL)
		return -ENOMEM;
	struct io_uring_buf_reg registration = {
		.ring_addr = (uint64_t)(uintptr_t)state->slots,
		.ring_entries = state->slots_entries,
		.bgid = SLOT_GROUP,
	};
	int result = ring_register(state->fd, IORING_REGISTER_PBUF_RING, &registration, 1);
	if (result < 0)
		return result;
	for (uint32_t slot = 0; slot < io->options.slot_count; slot++)
		give_slot(io, slot);
	publish_slots(state);
	return 0;
}

static int open_backend(struct frame_io *io)
{
	struct state *state = calloc(1, sizeof(*state));
	if (state == NULL)
		return -ENOMEM;
	io->state = state;
	state->fd = -1;
	state->waiting = calloc(io->options.ports_max, sizeof(*state->waiting));
	state->burst = calloc(io->options.burst_max, sizeof(*state->burst));
	state->backlog = calloc((size_t)io->options.slot_count + io->options.ports_max, sizeof(*state->backlog));
	state->vectors = calloc(VECTORS, sizeof(*state->vectors));
	state->received.msg_namelen = TUNNEL_NAME_SIZE;
	state->received.msg_controllen = TUNNEL_CONTROL_SIZE;
	bool allocated = state->waiting != NULL && state->burst != NULL && state->backlog != NULL && state->vectors != NULL;
	int result = allocated ? open_rings(io) : -ENOMEM;
	if (result >= 0)
		result = require_multishot_read(state);
	if (result >= 0)
		result = open_files(io);
	if (result >= 0)
		result = open_slots(io);
	if (result >= 0)
		register_memory(io);
	if (result < 0) {
		close_backend(io);
		return result;
	}
	submit_wake(io);
	return 0;
}

const struct backend uring_backend = {
	.name = "io_uring",
	.open = open_backend,
	.close = close_backend,
	.attach = attach,
	.detach = detach,
	.transmit = transmit,
	.poll = poll_burst,
};
