/*
 * Sends 60-byte frames from one namespace to another as fast as one core can, and counts what arrives.
 *
 *     frames NAMESPACE_A INTERFACE_A NAMESPACE_B INTERFACE_B WARMUP_MS WINDOW_MS
 *
 * Frames carry an EtherType that no protocol claims (88b5, IEEE 802 local experimental), so that the receiving
 * kernel counts and discards them and the figure is the forwarder's. Every 1,024th frame carries 88b6 instead, for
 * which a packet socket in B waits: these samples are compared byte by byte and their numbers must rise.
 * The rate comes from B's receive counter over the window; before and after it the sender runs all the same.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_SIZE 60
#define BATCH 64
#define SAMPLE_EVERY 1024
#define BULK_TYPE 0x88b5
#define SAMPLE_TYPE 0x88b6
/* How long the sender looks away when the device's queue is full: a small part of the 1,000 frames that wait in it. */
#define PAUSE_NS 50000

static uint8_t frames[BATCH][FRAME_SIZE];
static uint8_t pattern[FRAME_SIZE];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static uint64_t next_number, sent, refused;
static uint64_t samples_received, samples_wrong, samples_out_of_order, last_sample;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void enter_namespace(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
        fail(path);
    close(fd);
}

/* A packet socket on the interface that receives one EtherType, or none for protocol 0. */
static int open_socket(const char *interface, uint16_t protocol, uint8_t *own_address)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        fail("packet socket");
    struct ifreq request = { 0 };
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", interface);
    if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
        fail(interface);
    memcpy(own_address, request.ifr_hwaddr.sa_data, 6);
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = (int)if_nametoindex(interface)
    };
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind");
    return fd;
}

/* The receive counter of an interface, through a /proc/net/dev opened inside its namespace. */
static uint64_t received_packets(int counters, const char *interface)
{
    char text[4096];
    ssize_t length = pread(counters, text, sizeof text - 1, 0);
    text[length < 0 ? 0 : length] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        char name[IFNAMSIZ + 1];
        unsigned long long bytes, packets;
        if (sscanf(line, " %16[^:]: %llu %llu", name, &bytes, &packets) == 3 && !strcmp(name, interface))
            return packets;
    }
    errno = ENODEV;
    fail(interface);
    return 0;
}

static void prepare(const uint8_t *from, const uint8_t *to)
{
    memcpy(pattern, to, 6);
    memcpy(pattern + 6, from, 6);
    for (int i = 14; i < FRAME_SIZE; i++)
        pattern[i] = (uint8_t)(i * 37 + 11);
    for (int i = 0; i < BATCH; i++) {
        memcpy(frames[i], pattern, FRAME_SIZE);
        vectors[i] = (struct iovec){ frames[i], FRAME_SIZE };
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
    }
}

/* Bytes 14 to 21 of a frame are its number; the rest is the pattern. */
static void number_batch(void)
{
    for (int i = 0; i < BATCH; i++) {
        uint64_t number = ++next_number;
        uint16_t type = htons(number % SAMPLE_EVERY == 0 ? SAMPLE_TYPE : BULK_TYPE);
        memcpy(frames[i] + 12, &type, 2);
        memcpy(frames[i] + 14, &number, 8);
    }
}

static void send_batch(int sender)
{
    number_batch();
    for (int at = 0; at < BATCH;) {
        int done = sendmmsg(sender, messages + at, BATCH - at, 0);
        if (done < 0) {
            if (errno != ENOBUFS && errno != EAGAIN)
                fail("sendmmsg");
            refused++;
            done = 1;
            for (uint64_t until = now_ns() + PAUSE_NS; now_ns() < until;)
                ;
        } else {
            sent += done;
        }
        at += done;
    }
}

static void drain_samples(int receiver)
{
    uint8_t got[2048];
    ssize_t length;
    while ((length = recv(receiver, got, sizeof got, 0)) > 0) {
        uint64_t number;
        memcpy(&number, got + 14, 8);
        samples_received++;
        samples_wrong += length != FRAME_SIZE || memcmp(got, pattern, 12) || memcmp(got + 22, pattern + 22, FRAME_SIZE - 22) ||
                         number == 0 || number > next_number || number % SAMPLE_EVERY;
        samples_out_of_order += number <= last_sample;
        last_sample = number;
    }
}

static void run_until(uint64_t end, int sender, int receiver)
{
    for (unsigned batch = 0; now_ns() < end; batch++) {
        send_batch(sender);
        if (batch % 64 == 0)
            drain_samples(receiver);
    }
}

int main(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: %s NAMESPACE_A INTERFACE_A NAMESPACE_B INTERFACE_B WARMUP_MS WINDOW_MS\n", argv[0]);
        return 2;
    }
    uint8_t from[6], to[6];
    enter_namespace(argv[3]);
    int receiver = open_socket(argv[4], SAMPLE_TYPE, to);
    int counters = open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC);
    if (counters < 0)
        fail("/proc/thread-self/net/dev");
    enter_namespace(argv[1]);
    int sender = open_socket(argv[2], 0, from);
    int on = 1;
    if (setsockopt(sender, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) < 0)
        fail("PACKET_QDISC_BYPASS");
    prepare(from, to);

    uint64_t received_at_start = received_packets(counters, argv[4]);
    run_until(now_ns() + strtoull(argv[5], NULL, 10) * 1000000, sender, receiver);

    uint64_t sent_before = sent;
    uint64_t received_before = received_packets(counters, argv[4]);
    uint64_t start = now_ns();
    run_until(start + strtoull(argv[6], NULL, 10) * 1000000, sender, receiver);
    uint64_t sent_after = sent;
    uint64_t received_after = received_packets(counters, argv[4]);
    double seconds = (now_ns() - start) / 1e9;

    /* What is still in a queue has this long to arrive, for the closing balance. */
    usleep(200000);
    drain_samples(receiver);
    printf("{\"seconds\":%.6f,\"sent\":%llu,\"delivered\":%llu,\"totalSent\":%llu,\"totalDelivered\":%llu,"
           "\"refused\":%llu,\"samplesReceived\":%llu,\"samplesWrong\":%llu,\"samplesOutOfOrder\":%llu}\n",
           seconds, (unsigned long long)(sent_after - sent_before),
           (unsigned long long)(received_after - received_before), (unsigned long long)sent,
           (unsigned long long)(received_packets(counters, argv[4]) - received_at_start), (unsigned long long)refused,
           (unsigned long long)samples_received, (unsigned long long)samples_wrong,
           (unsigned long long)samples_out_of_order);
    return 0;
}
