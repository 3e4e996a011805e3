/*
 * The far end of TAPs: sends and receives frames on interfaces in other network namespaces, by packet sockets, for a
 * test that holds the TAPs' descriptors.
 *
 * Requests come on stdin, and each has one answer on stdout, in the machine's byte order:
 *
 *     request   operation u32 | port u32 | size u32 | payload      answer   result i32 | size u32 | payload
 *     frames in a payload, one after the other:                    length u32 | bytes
 *
 * The result is 0 or a negative errno. Nothing here waits: a frame that a TAP took from its descriptor stands in
 * the socket's queue before the write to the descriptor returns, and a frame that is sent stands in the TAP's queue
 * before the answer is given.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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
#include <unistd.h>

/* Local Experimental EtherType 1 (IEEE 802): what else is said on the interface is passed over. */
#define TEST_ETHERTYPE 0x88b5
#define PORTS_MAX 4096
#define FRAME_MAX 65600
#define RECEIVE_BUFFER (64 << 20)

enum operation { OPEN = 1, SEND = 2, RECEIVE = 3, CLOSE = 4 };

struct request {
	uint32_t operation, port, size;
};

struct answer {
	int32_t result;
	uint32_t size;
};

static int sockets[PORTS_MAX];
static int home;
static uint8_t *payload;
static size_t payload_room;

static void end(const char *what)
{
	perror(what);
	exit(1);
}

static bool read_all(void *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = read(STDIN_FILENO, (uint8_t *)to + done, size - done);
		if (count <= 0)
			return false;
		done += (size_t)count;
	}
	return true;
}

static void write_all(const void *from, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t count = write(STDOUT_FILENO, (const uint8_t *)from + done, size - done);
		if (count < 0)
			end("write");
		done += (size_t)count;
	}
}

static void need_room(size_t size)
{
	if (size <= payload_room)
		return;
	payload_room = size * 2;
	payload = realloc(payload, payload_room);
	if (payload == NULL)
		end("realloc");
}

static void write_answer(int result, size_t size)
{
	struct answer answer = { .result = result, .size = (uint32_t)size };
	write_all(&answer, sizeof(answer));
	write_all(payload, size);
}

/* An interface that comes up says hello to IPv6 neighbours; tests want only their own frames on it. */
static void silence_ipv6(const char *interface)
{
	char path[128];
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", interface);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		end(path);
	close(fd);
}

static int open_socket(const char *interface)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int size = RECEIVE_BUFFER, one = 1;
	struct ifreq ifr = { 0 };
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", interface);
	struct sockaddr_ll address = { .sll_family = AF_PACKET, .sll_protocol = htons(TEST_ETHERTYPE) };
	int result = ioctl(fd, SIOCGIFINDEX, &ifr);
	address.sll_ifindex = ifr.ifr_ifindex;
	if (result == 0)
		result = setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (result == 0)
		result = setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	if (result == 0)
		result = ioctl(fd, SIOCGIFFLAGS, &ifr);
	ifr.ifr_flags |= IFF_UP;
	if (result == 0)
		result = ioctl(fd, SIOCSIFFLAGS, &ifr);
	if (result == 0)
		result = bind(fd, (struct sockaddr *)&address, sizeof(address));
	if (result == 0)
		return fd;
	result = -errno;
	close(fd);
	return result;
}

/* Payload: the namespace's path and the interface's name, each with its NUL. */
static int open_far_end(uint32_t port)
{
	const char *path = (const char *)payload, *interface = path + strlen(path) + 1;
	int namespace_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (namespace_fd < 0 || setns(namespace_fd, CLONE_NEWNET) < 0)
		return -errno;
	close(namespace_fd);
	silence_ipv6(interface);
	int fd = open_socket(interface);
	if (setns(home, CLONE_NEWNET) < 0)
		end("setns");
	sockets[port] = fd;
	return fd < 0 ? fd : 0;
}

static int send_frames(uint32_t port, size_t size)
{
	for (size_t at = 0; at < size;) {
		uint32_t length;
		memcpy(&length, payload + at, sizeof(length));
		at += sizeof(length);
		if (send(sockets[port], payload + at, length, 0) != (ssize_t)length)
			return -errno;
		at += length;
	}
	return 0;
}

/* All frames that have arrived go into the payload; returns its size. */
static size_t receive_frames(uint32_t port)
{
	for (size_t size = 0;;) {
		need_room(size + sizeof(uint32_t) + FRAME_MAX);
		ssize_t count = recv(sockets[port], payload + size + sizeof(uint32_t), FRAME_MAX, 0);
		if (count < 0 && errno == EAGAIN)
			return size;
		/* A socket says once that its interface went down. What had arrived before is still to be had. */
		if (count < 0 && errno == ENETDOWN)
			continue;
		if (count < 0)
			end("recv");
		uint32_t length = (uint32_t)count;
		memcpy(payload + size, &length, sizeof(length));
		size += sizeof(length) + length;
	}
}

static void serve(const struct request *request)
{
	switch (request->operation) {
	case OPEN:
		write_answer(open_far_end(request->port), 0);
		break;
	case SEND:
		write_answer(send_frames(request->port, request->size), 0);
		break;
	case RECEIVE:
		write_answer(0, receive_frames(request->port));
		break;
	case CLOSE:
		write_answer(close(sockets[request->port]) < 0 ? -errno : 0, 0);
		sockets[request->port] = -1;
		break;
	default:
		write_answer(-ENOSYS, 0);
	}
}

int main(void)
{
	for (size_t port = 0; port < PORTS_MAX; port++)
		sockets[port] = -1;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		end("open");
	need_room(FRAME_MAX);
	struct request request;
	while (read_all(&request, sizeof(request))) {
		need_room(request.size);
		if (!read_all(payload, request.size))
			break;
		if (request.port >= PORTS_MAX)
			write_answer(-ERANGE, 0);
		else
			serve(&request);
	}
	return 0;
}
