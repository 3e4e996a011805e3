/*
 * The plainest fast forwarder: epoll to sleep, nonblocking read and write to move frames, one frame a call,
 * virtio headers and super-frames passed through. While any port still gives frames it does not go back to epoll.
 */
#include "forwarder.h"
#include <sys/epoll.h>

/* Frames taken from one port before the next has its turn. */
#define TURN 64

static int descriptors[PORTS_MAX];
static int ports;
static uint8_t room[FRAME_ROOM] __attribute__((aligned(64)));

/* A write that the kernel does not take at once is a lost frame, as on a full queue of a real switch. */
static void transmit(int port, size_t length)
{
    ssize_t written = write(descriptors[port], room, length);
    (void)written;
}

/* Forwards up to TURN frames of one port. True when the port may have more. */
static bool turn(int ingress)
{
    for (int i = 0; i < TURN; i++) {
        ssize_t length = read(descriptors[ingress], room, sizeof room);
        if (length < 0) {
            if (errno == EAGAIN)
                return false;
            fail("read");
        }
        if (length < VNET_HDR_SIZE + ETHERNET_HDR_SIZE)
            continue;
        int egress = switch_frame(room + VNET_HDR_SIZE, ingress);
        if (egress >= 0)
            transmit(egress, length);
        else if (egress == FLOOD)
            for (int port = 0; port < ports; port++)
                if (port != ingress)
                    transmit(port, length);
    }
    return true;
}

int main(int argc, char **argv)
{
    ports = open_ports(argc, argv, descriptors);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        fail("epoll_create1");
    for (int port = 0; port < ports; port++) {
        struct epoll_event want = { .events = EPOLLIN, .data.u32 = port };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, descriptors[port], &want) < 0)
            fail("epoll_ctl");
    }
    tell_ready();

    struct epoll_event events[PORTS_MAX];
    for (;;) {
        int count = epoll_wait(epoll, events, PORTS_MAX, -1);
        if (count < 0 && errno != EINTR)
            fail("epoll_wait");
        for (bool more = count > 0; more;) {
            more = false;
            for (int i = 0; i < count; i++)
                more |= turn(events[i].data.u32);
        }
    }
}
