/*
 * The strongest forwarder that plain C on io_uring gives on TAPs: one multishot read a port into a ring of provided
 * buffers, writes queued as their frames arrive and submitted by the same system call that waits for the next
 * frames, registered files, completions run by this thread alone. Raw system calls, no liburing.
 *
 *     io_uring_enter ─► completions: a read  → switch_frame → queue a write of the same buffer
 *          ▲                         a write → the buffer goes back into the ring
 *          └──────────────────────────────────────────────────────────────────────────────────
 */
#include "forwarder.h"
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define READ_MULTISHOT 49 /* IORING_OP_READ_MULTISHOT, Linux 6.7, newer than some headers */

#define SUBMISSIONS 1024
#define COMPLETIONS 4096
#define BUFFERS 256 /* power of two, and less than 65,536 */
#define BUFFER_GROUP 0

/* user_data: what completed in the upper half, which port or buffer in the lower. */
#define READ_OF ((uint64_t)1 << 32)
#define WRITE_OF ((uint64_t)2 << 32)

static int ring;
static int ports;

static _Atomic unsigned *submission_head, *submission_tail;
static unsigned submission_mask, queued, submitted;
static struct io_uring_sqe *submissions;

static _Atomic unsigned *completion_head, *completion_tail;
static unsigned completion_mask;
static struct io_uring_cqe *completions;

static struct io_uring_buf_ring *provided;
static uint16_t provided_tail;
static uint8_t *room;
/* Writes under way of each buffer; a flooded frame has several. */
static uint8_t holders[BUFFERS];
/* Ports whose multishot read ended, most likely for want of buffers. */
static bool unarmed[PORTS_MAX];

static uint8_t *buffer_at(unsigned buffer)
{
    return room + (size_t)buffer * FRAME_ROOM;
}

static void provide(unsigned buffer)
{
    struct io_uring_buf *entry = &provided->bufs[provided_tail++ & (BUFFERS - 1)];
    entry->addr = (uintptr_t)buffer_at(buffer);
    entry->len = FRAME_ROOM;
    entry->bid = buffer;
}

static void publish_provided(void)
{
    atomic_store_explicit((_Atomic uint16_t *)&provided->tail, provided_tail, memory_order_release);
}

/* Submits what is queued and, with `wait`, sleeps until a completion is there. */
static void enter(unsigned wait)
{
    atomic_store_explicit(submission_tail, queued, memory_order_release);
    long taken = syscall(__NR_io_uring_enter, ring, queued - submitted, wait, IORING_ENTER_GETEVENTS, NULL, 0);
    if (taken < 0) {
        if (errno != EINTR && errno != EAGAIN && errno != EBUSY)
            fail("io_uring_enter");
        return;
    }
    submitted += taken;
}

static struct io_uring_sqe *next_submission(void)
{
    while (queued - atomic_load_explicit(submission_head, memory_order_acquire) >= SUBMISSIONS)
        enter(0);
    struct io_uring_sqe *sqe = &submissions[queued++ & submission_mask];
    memset(sqe, 0, sizeof *sqe);
    sqe->flags = IOSQE_FIXED_FILE;
    return sqe;
}

static void arm(int port)
{
    struct io_uring_sqe *sqe = next_submission();
    sqe->opcode = READ_MULTISHOT;
    sqe->fd = port;
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    sqe->user_data = READ_OF | (unsigned)port;
}

static void transmit(int port, unsigned buffer, unsigned length)
{
    struct io_uring_sqe *sqe = next_submission();
    sqe->opcode = IORING_OP_WRITE;
    sqe->fd = port;
    sqe->addr = (uintptr_t)buffer_at(buffer);
    sqe->len = length;
    sqe->user_data = WRITE_OF | buffer;
    holders[buffer]++;
}

static void received(int ingress, unsigned buffer, unsigned length)
{
    int egress = length < VNET_HDR_SIZE + ETHERNET_HDR_SIZE ? DROP : switch_frame(buffer_at(buffer) + VNET_HDR_SIZE, ingress);
    if (egress >= 0)
        transmit(egress, buffer, length);
    else if (egress == FLOOD)
        for (int port = 0; port < ports; port++)
            if (port != ingress)
                transmit(port, buffer, length);
    if (!holders[buffer])
        provide(buffer);
}

static void read_completed(const struct io_uring_cqe *cqe)
{
    int ingress = (int)(uint32_t)cqe->user_data;
    if (!(cqe->flags & IORING_CQE_F_MORE))
        unarmed[ingress] = true;
    if (cqe->res < 0 && cqe->res != -ENOBUFS) {
        errno = -cqe->res;
        fail("multishot read");
    }
    if (cqe->flags & IORING_CQE_F_BUFFER)
        received(ingress, cqe->flags >> IORING_CQE_BUFFER_SHIFT, cqe->res < 0 ? 0 : cqe->res);
}

/* The result of a write is not looked at: what the kernel does not take is a lost frame. */
static void write_completed(const struct io_uring_cqe *cqe)
{
    unsigned buffer = (uint32_t)cqe->user_data;
    if (--holders[buffer] == 0)
        provide(buffer);
}

static void reap(void)
{
    unsigned head = atomic_load_explicit(completion_head, memory_order_relaxed);
    unsigned tail = atomic_load_explicit(completion_tail, memory_order_acquire);
    for (; head != tail; head++) {
        const struct io_uring_cqe *cqe = &completions[head & completion_mask];
        if (cqe->user_data & READ_OF)
            read_completed(cqe);
        else
            write_completed(cqe);
    }
    atomic_store_explicit(completion_head, head, memory_order_release);
    publish_provided();
}

static void *map(size_t size, int flags, int fd, off_t offset)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);
    if (at == MAP_FAILED)
        fail("mmap");
    return at;
}

static void set_up_ring(void)
{
    struct io_uring_params params = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE | IORING_SETUP_SUBMIT_ALL,
        .cq_entries = COMPLETIONS,
    };
    ring = (int)syscall(__NR_io_uring_setup, SUBMISSIONS, &params);
    if (ring < 0)
        fail("io_uring_setup");
    size_t submission_size = params.sq_off.array + params.sq_entries * sizeof(unsigned);
    size_t completion_size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    size_t size = submission_size > completion_size ? submission_size : completion_size;
    uint8_t *base = map(size, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);

    submission_head = (void *)(base + params.sq_off.head);
    submission_tail = (void *)(base + params.sq_off.tail);
    submission_mask = *(unsigned *)(base + params.sq_off.ring_mask);
    unsigned *array = (void *)(base + params.sq_off.array);
    for (unsigned i = 0; i < params.sq_entries; i++)
        array[i] = i;
    submissions = map(params.sq_entries * sizeof(struct io_uring_sqe), MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);

    completion_head = (void *)(base + params.cq_off.head);
    completion_tail = (void *)(base + params.cq_off.tail);
    completion_mask = *(unsigned *)(base + params.cq_off.ring_mask);
    completions = (void *)(base + params.cq_off.cqes);
}

static void set_up_buffers(void)
{
    room = map((size_t)BUFFERS * FRAME_ROOM, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    provided = map(BUFFERS * sizeof(struct io_uring_buf), MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    struct io_uring_buf_reg registration = {
        .ring_addr = (uintptr_t)provided, .ring_entries = BUFFERS, .bgid = BUFFER_GROUP
    };
    if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &registration, 1) < 0)
        fail("IORING_REGISTER_PBUF_RING");
    for (unsigned buffer = 0; buffer < BUFFERS; buffer++)
        provide(buffer);
    publish_provided();
}

int main(int argc, char **argv)
{
    int descriptors[PORTS_MAX];
    ports = open_ports(argc, argv, descriptors);
    set_up_ring();
    set_up_buffers();
    if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_FILES, descriptors, ports) < 0)
        fail("IORING_REGISTER_FILES");
    for (int port = 0; port < ports; port++)
        unarmed[port] = true;
    tell_ready();

    for (;;) {
        for (int port = 0; port < ports; port++)
            if (unarmed[port]) {
                arm(port);
                unarmed[port] = false;
            }
        enter(1);
        reap();
    }
}
