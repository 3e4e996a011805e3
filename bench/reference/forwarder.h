/*
 * What the two reference forwarders share: opening a TAP inside a network namespace, and a MAC table as small as
 * one can be. Both forwarders speak the same command line:
 *
 *     forward-… NAMESPACE_PATH:INTERFACE NAMESPACE_PATH:INTERFACE …
 *
 * They print "ready" when every TAP exists and the loop runs, and forward until a signal ends them.
 */
#ifndef TAPWIRE_BENCH_FORWARDER_H
#define TAPWIRE_BENCH_FORWARDER_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PORTS_MAX 16
#define FLOOD (-1)
#define DROP (-2)

/* struct virtio_net_hdr without num_buffers: what IFF_VNET_HDR puts in front of each frame. */
#define VNET_HDR_SIZE 10
#define ETHERNET_HDR_SIZE 14
/* A 64 KB super-frame, its link header with a VLAN tag and its virtio header, rounded up to whole pages. */
#define FRAME_ROOM (17 * 4096)

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static inline void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* Opens a TAP called `name` inside the namespace and returns its nonblocking descriptor. */
static inline int open_tap(const char *namespace_path, const char *name)
{
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int away = open(namespace_path, O_RDONLY | O_CLOEXEC);
    if (home < 0 || away < 0 || setns(away, CLONE_NEWNET) < 0)
        fail(namespace_path);

    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        fail("/dev/net/tun");
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) < 0)
        fail("TUNSETIFF");
    unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    if (ioctl(fd, TUNSETOFFLOAD, offloads | TUN_F_USO4 | TUN_F_USO6) < 0 && ioctl(fd, TUNSETOFFLOAD, offloads) < 0)
        fail("TUNSETOFFLOAD");

    if (setns(home, CLONE_NEWNET) < 0)
        fail("setns back");
    close(away);
    close(home);
    return fd;
}

/* Opens one TAP for each NAMESPACE_PATH:INTERFACE and returns how many there are. */
static inline int open_ports(int argc, char **argv, int *descriptors)
{
    int ports = argc - 1;
    if (ports < 2 || ports > PORTS_MAX) {
        fprintf(stderr, "usage: %s NAMESPACE_PATH:INTERFACE NAMESPACE_PATH:INTERFACE [… up to %d]\n", argv[0], PORTS_MAX);
        exit(2);
    }
    for (int port = 0; port < ports; port++) {
        char *colon = strrchr(argv[port + 1], ':');
        if (!colon) {
            fprintf(stderr, "%s: want NAMESPACE_PATH:INTERFACE\n", argv[port + 1]);
            exit(2);
        }
        *colon = 0;
        descriptors[port] = open_tap(argv[port + 1], colon + 1);
    }
    return ports;
}

static inline void tell_ready(void)
{
    puts("ready");
    fflush(stdout);
}

/*
 * The MAC table: one slot for each hash, and a newcomer takes the slot of whoever was there (that station's next
 * frame is then flooded). No ageing, no limits, no chains: the least that still is a learning switch, so that
 * nothing faster can be asked of it. A key is the address in the low 48 bits; 0 is no station's address.
 */
#define STATIONS 4096

struct station {
    uint64_t address;
    int64_t port;
};

static struct station stations[STATIONS];

static inline uint64_t load_address(const uint8_t *at)
{
    uint64_t low = 0;
    memcpy(&low, at, 6);
    return low;
}

static inline struct station *slot_of(uint64_t address)
{
    return &stations[(address * 0x9e3779b97f4a7c15u) >> 52];
}

/* Learns the frame's source and returns the port it leaves by, or FLOOD, or DROP. `frame` starts at the Ethernet header. */
static inline int switch_frame(const uint8_t *frame, int ingress)
{
    if (frame[6] & 1)
        return DROP;
    uint64_t source = load_address(frame + 6);
    struct station *from = slot_of(source);
    if (from->address != source || from->port != ingress)
        *from = (struct station){ source, ingress };

    if (frame[0] & 1)
        return FLOOD;
    uint64_t destination = load_address(frame);
    const struct station *to = slot_of(destination);
    if (to->address != destination)
        return FLOOD;
    return to->port == ingress ? DROP : (int)to->port;
}

#endif
