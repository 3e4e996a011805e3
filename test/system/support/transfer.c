/*
 * Sends bytes from one network namespace to another by TCP or UDP, and checks each of them where it arrives:
 *
 *     transfer [-d DATAGRAM] [-w WINDOW] [-s] [-l PORT] tcp|udp FROM TO ADDRESS PORT BYTES
 *
 * FROM and TO are paths of namespaces, ADDRESS is of TO. With -l it leads to TO on the way, and TO listens on all of its own
 * addresses, on that port. Prints one line, and ends with 0, where all BYTES have arrived, in
 * order, and nothing else has. What is sent at an offset is a function of the offset: no byte stands for another one.
 *
 * UDP has no flow control of its own. At most WINDOW datagrams are on their way: the receiver says how many it has. So
 * no queue overflows, and a datagram that is lost or comes out of order is a fault of what lies between. With -s the
 * kernel gets many datagrams at once, to be cut up later (UDP_SEGMENT).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define CHUNK (256 * 1024)
#define BATCH 64
/* Of a datagram that the kernel is to cut up: at most 64 KB with headers, and at most 64 parts on older kernels. */
#define SUPER_MAX 60000
#define PARTS_MAX 64
#define RECEIVE_BUFFER (32 << 20)
/* Longer than any pause of a machine that is busy with something else. */
#define SILENCE_S 30

static size_t datagram = 1400;
static uint64_t window = 512;
static bool segment;
static uint64_t total;

static void fail(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
	exit(1);
}

static void need(bool success, const char *what)
{
	if (!success)
		fail("%s: %s", what, strerror(errno));
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The bytes of the stream from `offset` on, at most CHUNK; valid until the next call. */
static const uint8_t *stream(uint64_t offset, size_t size)
{
	static uint64_t words[CHUNK / 8 + 2];
	uint64_t first = offset / 8;
	for (size_t i = 0; i < size / 8 + 2; i++) {
		/* The output function of splitmix64: a bijection that leaves no pattern of the counter. */
		uint64_t z = (first + i + 1) * 0x9e3779b97f4a7c15ULL;
		z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
		z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
		words[i] = z ^ (z >> 31);
	}
	return (const uint8_t *)words + offset % 8;
}

static void check(const uint8_t *got, uint64_t offset, size_t size)
{
	const uint8_t *wanted = stream(offset, size);
	if (memcmp(got, wanted, size) == 0)
		return;
	size_t i = 0;
	while (got[i] == wanted[i])
		i++;
	fail("byte %llu is %02x, not %02x as it was sent", (unsigned long long)(offset + i), got[i], wanted[i]);
}

/* -------------------------------------------------------------------------------------------------- TCP */

static void send_stream(int fd)
{
	for (uint64_t sent = 0; sent < total;) {
		size_t size = smaller(CHUNK, total - sent);
		ssize_t result = send(fd, stream(sent, size), size, MSG_NOSIGNAL);
		if (result < 0)
			fail("sending stopped at byte %llu: %s", (unsigned long long)sent, strerror(errno));
		sent += (uint64_t)result;
	}
	need(shutdown(fd, SHUT_WR) == 0, "shutdown");
	/* The receiver closes when it has everything, or ends before. */
	char none;
	recv(fd, &none, 1, 0);
}

static void receive_stream(int listener)
{
	static uint8_t buffer[CHUNK];
	int fd = accept(listener, NULL, NULL);
	need(fd >= 0, "accept");
	struct timeval silence = { .tv_sec = SILENCE_S };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
	uint64_t received = 0;
	for (;;) {
		ssize_t size = recv(fd, buffer, sizeof(buffer), 0);
		if (size < 0)
			fail("nothing came after byte %llu: %s", (unsigned long long)received, strerror(errno));
		if (size == 0)
			break;
		if (received + (uint64_t)size > total)
			fail("more than the %llu bytes that were sent", (unsigned long long)total);
		check(buffer, received, (size_t)size);
		received += (uint64_t)size;
	}
	if (received != total)
		fail("the connection ended at byte %llu", (unsigned long long)received);
}

/* -------------------------------------------------------------------------------------------------- UDP */

static uint64_t datagrams(void)
{
	return (total + datagram - 1) / datagram;
}

static size_t datagram_size(uint64_t index)
{
	return smaller(datagram, total - index * datagram);
}

/* Waits until one more of `needed` datagrams may be on its way; `sent` are. */
static uint64_t await_credit(int fd, uint64_t sent, uint64_t needed, uint64_t *received)
{
	while (sent + needed > *received + window) {
		uint64_t answer;
		ssize_t size = recv(fd, &answer, sizeof(answer), 0);
		if (size != sizeof(answer))
			fail("%llu datagrams were sent, and the receiver has told of %llu: %s", (unsigned long long)sent,
			     (unsigned long long)*received, size < 0 ? strerror(errno) : "a short answer");
		*received = answer;
	}
	return *received + window - sent;
}

static void send_batch(int fd, uint64_t first, size_t count)
{
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec parts[BATCH];
	static uint8_t content[BATCH][65536];
	for (size_t i = 0; i < count; i++) {
		size_t size = datagram_size(first + i);
		memcpy(content[i], stream((first + i) * datagram, size), size);
		parts[i] = (struct iovec){ content[i], size };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	for (size_t done = 0; done < count;) {
		int result = sendmmsg(fd, messages + done, (unsigned)(count - done), 0);
		if (result < 0)
			fail("sending stopped at datagram %llu: %s", (unsigned long long)(first + done), strerror(errno));
		done += (size_t)result;
	}
}

static void send_super(int fd, uint64_t first, size_t count)
{
	uint64_t offset = first * datagram;
	size_t size = smaller(count * datagram, total - offset);
	if (send(fd, stream(offset, size), size, 0) != (ssize_t)size)
		fail("sending stopped at datagram %llu: %s", (unsigned long long)first, strerror(errno));
}

static void send_datagrams(int fd)
{
	uint64_t batch = segment ? smaller(SUPER_MAX / datagram, PARTS_MAX) : BATCH;
	/* No more than half: a quarter of the window may have arrived and not been told of yet. */
	batch = smaller(batch, (window + 1) / 2);
	int size = (int)datagram;
	if (segment)
		need(setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof(size)) == 0, "UDP_SEGMENT");
	uint64_t received = 0;
	for (uint64_t sent = 0; sent < datagrams();) {
		uint64_t count = smaller(batch, datagrams() - sent);
		await_credit(fd, sent, count, &received);
		if (segment)
			send_super(fd, sent, count);
		else
			send_batch(fd, sent, count);
		sent += count;
	}
	/* All credit back: everything has arrived. */
	await_credit(fd, datagrams(), window, &received);
}

static void receive_datagrams(int fd)
{
	static uint8_t content[BATCH][65536];
	struct sockaddr_storage from;
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec parts[BATCH];
	for (size_t i = 0; i < BATCH; i++) {
		parts[i] = (struct iovec){ content[i], sizeof(content[i]) };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	messages[0].msg_hdr.msg_name = &from;
	uint64_t received = 0, told = 0, quarter = (window + 3) / 4;
	while (received < datagrams()) {
		messages[0].msg_hdr.msg_namelen = sizeof(from);
		int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
		if (count < 0)
			fail("nothing came after datagram %llu: %s", (unsigned long long)received, strerror(errno));
		for (int i = 0; i < count; i++, received++) {
			if (received == datagrams() || messages[i].msg_len != datagram_size(received))
				fail("datagram %llu has %u bytes", (unsigned long long)received, messages[i].msg_len);
			check(content[i], received * datagram, messages[i].msg_len);
		}
		if (received - told < quarter && received < datagrams())
			continue;
		told = received;
		need(sendto(fd, &told, sizeof(told), 0, (struct sockaddr *)&from, messages[0].msg_hdr.msg_namelen) > 0,
		     "answer");
	}
	if (recv(fd, content[0], sizeof(content[0]), MSG_DONTWAIT) >= 0)
		fail("more than the %llu datagrams that were sent", (unsigned long long)datagrams());
}

/* -------------------------------------------------------------------------------------------- both ends */

static void enter_namespace(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	need(fd >= 0, path);
	need(setns(fd, CLONE_NEWNET) == 0, "setns");
	close(fd);
}

static int open_socket(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, address->ai_socktype, 0);
	need(fd >= 0, "socket");
	int on = 1, size = RECEIVE_BUFFER;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (address->ai_socktype == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	struct timeval silence = { .tv_sec = SILENCE_S };
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence));
	return fd;
}

static int start_receiver(const struct addrinfo *address, pid_t *receiver)
{
	bool tcp = address->ai_socktype == SOCK_STREAM;
	int fd = open_socket(address);
	need(bind(fd, address->ai_addr, address->ai_addrlen) == 0, "bind");
	if (tcp)
		need(listen(fd, 1) == 0, "listen");
	pid_t parent = getpid();
	*receiver = fork();
	need(*receiver >= 0, "fork");
	if (*receiver > 0)
		return close(fd);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		exit(1);
	if (tcp)
		receive_stream(fd);
	else
		receive_datagrams(fd);
	exit(0);
}

static struct addrinfo *resolve(const char *protocol, const char *address, const char *port)
{
	struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
		.ai_socktype = strcmp(protocol, "tcp") == 0 ? SOCK_STREAM : SOCK_DGRAM,
	};
	struct addrinfo *result;
	int error = getaddrinfo(address, port, &hints, &result);
	if (error != 0)
		fail("%s: %s", address, gai_strerror(error));
	return result;
}

static void usage(void)
{
	fail("transfer [-d DATAGRAM] [-w WINDOW] [-s] [-l PORT] tcp|udp FROM TO ADDRESS PORT BYTES");
}

int main(int argc, char **argv)
{
	const char *listen_port = NULL;
	for (int option; (option = getopt(argc, argv, "d:w:sl:")) != -1;) {
		if (option == 'd')
			datagram = strtoul(optarg, NULL, 10);
		else if (option == 'w')
			window = strtoull(optarg, NULL, 10);
		else if (option == 's')
			segment = true;
		else if (option == 'l')
			listen_port = optarg;
		else
			usage();
	}
	if (argc - optind != 6 || datagram == 0 || datagram > SUPER_MAX || window == 0)
		usage();
	char **arguments = argv + optind;
	total = strtoull(arguments[5], NULL, 10);
	struct addrinfo *address = resolve(arguments[0], arguments[3], arguments[4]);

	struct addrinfo *local = address;
	if (listen_port != NULL)
		local = resolve(arguments[0], address->ai_family == AF_INET ? "0.0.0.0" : "::", listen_port);

	pid_t receiver;
	enter_namespace(arguments[2]);
	start_receiver(local, &receiver);
	enter_namespace(arguments[1]);
	int fd = open_socket(address);
	need(connect(fd, address->ai_addr, address->ai_addrlen) == 0, "connect");
	if (address->ai_socktype == SOCK_STREAM)
		send_stream(fd);
	else
		send_datagrams(fd);

	int status;
	need(waitpid(receiver, &status, 0) == receiver, "waitpid");
	if (status != 0)
		fail("the receiver failed");
	printf("%llu bytes arrived as they were sent\n", (unsigned long long)total);
	return 0;
}
