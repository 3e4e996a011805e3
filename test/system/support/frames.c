/*
 * Sends frames on an interface by a packet socket, as they are:
 *
 *     frames send INTERFACE HEX…                     each once, in order
 *     frames flood INTERFACE TARGET COUNT SEED       COUNT frames of 60 bytes to the address TARGET (hex), from random sources
 *
 * The sources of a flood begin with 06, which is local and unicast. All of COUNT are different: they are an odd multiple of
 * a counter, modulo 2^40.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BATCH 64
#define SMALLEST_FRAME 60
#define FRAME_MAX 65535
/* Local Experimental EtherType 1 (IEEE 802): no kernel answers it. */
#define EXPERIMENTAL_HIGH 0x88
#define EXPERIMENTAL_LOW 0xb5

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static int open_socket(const char *interface)
{
	/* Protocol 0: receives nothing. */
	int fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0)
		fail("socket");
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(interface) };
	if (address.sll_ifindex == 0)
		fail(interface);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind");
	return fd;
}

/* Bytes of `hex`, which is two digits a byte; returns how many. */
static size_t bytes_of(const char *hex, uint8_t *to, size_t room)
{
	size_t size = strlen(hex) / 2;
	for (size_t i = 0; i < size && i < room; i++) {
		unsigned byte;
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			size = 0;
		to[i] = (uint8_t)byte;
	}
	if (size == 0 || size > room || strlen(hex) % 2 != 0) {
		fprintf(stderr, "%s: no bytes in hex, or too many\n", hex);
		exit(1);
	}
	return size;
}

static void send_one(int fd, const char *hex)
{
	static uint8_t frame[FRAME_MAX];
	size_t size = bytes_of(hex, frame, sizeof(frame));
	if (send(fd, frame, size, 0) != (ssize_t)size)
		fail("send");
}

static void send_batch(int fd, struct mmsghdr *messages, unsigned count)
{
	for (unsigned done = 0; done < count;) {
		int result = sendmmsg(fd, messages + done, count - done, 0);
		/* The interface's queue is full: the kernel has dropped the frame, which is what a flood must expect. */
		if (result < 0 && errno != ENOBUFS)
			fail("sendmmsg");
		done += result < 0 ? 1 : (unsigned)result;
	}
}

static void flood(int fd, const char *target, uint64_t count, uint64_t seed)
{
	static uint8_t frames[BATCH][SMALLEST_FRAME];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH] = { 0 };
	for (unsigned i = 0; i < BATCH; i++) {
		bytes_of(target, frames[i], 6);
		frames[i][12] = EXPERIMENTAL_HIGH;
		frames[i][13] = EXPERIMENTAL_LOW;
		parts[i] = (struct iovec){ frames[i], SMALLEST_FRAME };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (uint64_t sent = 0; sent < count;) {
		unsigned batch = count - sent < BATCH ? (unsigned)(count - sent) : BATCH;
		for (unsigned i = 0; i < batch; i++) {
			uint64_t source = (seed + sent + i) * 0x9e3779b97f4a7c15ULL;
			frames[i][6] = 0x06;
			memcpy(&frames[i][7], &source, 5);
		}
		send_batch(fd, messages, batch);
		sent += batch;
	}
}

int main(int argc, char **argv)
{
	if (argc >= 4 && strcmp(argv[1], "send") == 0) {
		int fd = open_socket(argv[2]);
		for (int i = 3; i < argc; i++)
			send_one(fd, argv[i]);
		return 0;
	}
	if (argc == 6 && strcmp(argv[1], "flood") == 0) {
		flood(open_socket(argv[2]), argv[3], strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
		return 0;
	}
	fprintf(stderr, "frames send INTERFACE HEX... | frames flood INTERFACE TARGET COUNT SEED\n");
	return 2;
}
