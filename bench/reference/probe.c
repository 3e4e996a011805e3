/*
 * Measures a path by UDP datagrams that carry their number and the time at which they were sent. Sender and receiver run on one
 * machine, and so by one clock; arrivals are stamped by the kernel where they enter the receiver's network stack.
 *
 *     probe receive PORT COUNT SILENCE_MS                 prints "ready", then a line "NUMBER DELAY_NS SINCE_FIRST_NS LENGTH" a datagram
 *     probe send ADDRESS PORT COUNT PAYLOAD INTERVAL_NS   one each interval; 0: as fast as the socket takes them
 *
 * The receiver ends when COUNT have come, or none for SILENCE_MS behind the first.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (64 * 1024 * 1024)
#define PAYLOAD_MAX 9000
#define NS_PER_S 1000000000LL

struct stamp {
	uint64_t number;
	int64_t sent_ns;
};

struct arrival {
	uint64_t number;
	int64_t delay_ns;
	int64_t at_ns;
	int length;
};

static int64_t to_ns(struct timespec time)
{
	return time.tv_sec * NS_PER_S + time.tv_nsec;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return to_ns(time);
}

static void fail(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* The kernel's stamp of a message. */
static int64_t stamp_of(struct msghdr *message)
{
	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part != NULL; part = CMSG_NXTHDR(message, part)) {
		if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SO_TIMESTAMPNS) {
			struct timespec time;
			memcpy(&time, CMSG_DATA(part), sizeof(time));
			return to_ns(time);
		}
	}
	fail("no time stamp");
	return 0;
}

static int receive(int port, size_t count, int silence_ms)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	int size = BUFFER, on = 1;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("bind");
	/* A link that doubles delivers more than were sent. */
	size_t most = 2 * count, got = 0;
	struct arrival *arrivals = calloc(most, sizeof(*arrivals));
	if (arrivals == NULL)
		fail("memory");
	puts("ready");
	fflush(stdout);
	while (got < most) {
		char payload[PAYLOAD_MAX], control[128];
		struct iovec part = { payload, sizeof(payload) };
		struct msghdr message = {
			.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
		};
		ssize_t length = recvmsg(fd, &message, 0);
		if (length < 0) {
			if (errno == EAGAIN)
				break;
			fail("receive");
		}
		struct stamp stamp;
		memcpy(&stamp, payload, sizeof(stamp));
		int64_t at_ns = stamp_of(&message);
		arrivals[got++] = (struct arrival){ stamp.number, at_ns - stamp.sent_ns, at_ns, (int)length };
		if (got == 1) {
			struct timeval silence = { silence_ms / 1000, silence_ms % 1000 * 1000 };
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
		}
	}
	for (size_t i = 0; i < got; i++)
		printf("%llu %lld %lld %d\n", (unsigned long long)arrivals[i].number, (long long)arrivals[i].delay_ns,
		       (long long)(arrivals[i].at_ns - arrivals[0].at_ns), arrivals[i].length);
	return 0;
}

static int send_all(const char *to, int port, size_t count, size_t size, int64_t interval_ns)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	if (size < sizeof(struct stamp) || size > PAYLOAD_MAX || inet_pton(AF_INET, to, &address.sin_addr) != 1) {
		errno = EINVAL;
		fail("arguments");
	}
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail("connect");
	char payload[PAYLOAD_MAX] = { 0 };
	int64_t next_ns = now_ns(CLOCK_MONOTONIC);
	for (size_t i = 0; i < count; i++, next_ns += interval_ns) {
		struct timespec at = { next_ns / NS_PER_S, next_ns % NS_PER_S };
		/* A sleep for less costs more than it is. */
		if (interval_ns >= 200000)
			clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		else
			while (interval_ns > 0 && now_ns(CLOCK_MONOTONIC) < next_ns)
				;
		struct stamp stamp = { i, now_ns(CLOCK_REALTIME) };
		memcpy(payload, &stamp, sizeof(stamp));
		if (send(fd, payload, size, 0) < 0 && errno != ECONNREFUSED)
			fail("send");
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "receive") == 0)
		return receive(atoi(argv[2]), strtoull(argv[3], NULL, 10), atoi(argv[4]));
	if (argc == 7 && strcmp(argv[1], "send") == 0)
		return send_all(argv[2], atoi(argv[3]), strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10),
		                atoll(argv[6]));
	fprintf(stderr, "usage: probe receive PORT COUNT SILENCE_MS | probe send ADDRESS PORT COUNT PAYLOAD INTERVAL_NS\n");
	return 2;
}
