/*
 * Asks the C library for a name as programs do that are about to connect, and connects to the first address:
 *
 *     getaddrinfo NAME PORT      prints each address, and `connected` or why not
 */
#define _GNU_SOURCE
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	int error = getaddrinfo(argv[1], argv[2], &hints, &found);
	if (error) {
		printf("%s\n", error == EAI_NONAME ? "no such name" : gai_strerror(error));
		return 1;
	}
	for (struct addrinfo *a = found; a; a = a->ai_next) {
		char text[64];
		getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST);
		printf("%s\n", text);
	}
	int fd = socket(found->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen)) {
		perror("connect");
		return 1;
	}
	printf("connected\n");
	return 0;
}
