/*
 * A web server for one question: how many connections a second get through? It reads a request, answers with a few
 * bytes, and closes, whatever the request was.
 *
 *     web-server ADDRESS PORT
 *
 * Prints "ready" when it listens. SIGTERM ends it; it then prints on how many connections it has answered. It does as
 * little as can be done, in one thread, so that the figure is the path's and not the server's.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 256
#define BACKLOG 4096
/* More than the load generator opens at once; a connection beyond that is closed unanswered. */
#define CONNECTIONS_MAX 4096

static const char ANSWER[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";
static const char END_OF_REQUEST[] = "\r\n\r\n";

/* How much of END_OF_REQUEST has been seen on a connection: a request may come in pieces. By file descriptor. */
static uint8_t seen[CONNECTIONS_MAX];
static uint64_t answered;

static void fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static int listen_on(const char *address, const char *port)
{
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
    if (inet_pton(AF_INET, address, &name.sin_addr) != 1) {
        fprintf(stderr, "%s: want an IPv4 address\n", address);
        exit(1);
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        fail("socket");
    if (bind(fd, (struct sockaddr *)&name, sizeof name) < 0 || listen(fd, BACKLOG) < 0)
        fail(address);
    return fd;
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    int fd = sigprocmask(SIG_BLOCK, &set, NULL) < 0 ? -1 : signalfd(-1, &set, SFD_CLOEXEC);
    if (fd < 0)
        fail("signalfd");
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        fail("epoll_ctl");
}

static void accept_all(int epoll, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= CONNECTIONS_MAX) {
            close(fd);
            continue;
        }
        seen[fd] = 0;
        watch(epoll, fd);
    }
}

/* Whether the bytes complete a request. The pattern's only repeated beginning is its first byte. */
static bool is_complete(int fd, const char *bytes, ssize_t length)
{
    for (ssize_t i = 0; i < length; i++) {
        if (bytes[i] == END_OF_REQUEST[seen[fd]])
            seen[fd]++;
        else
            seen[fd] = bytes[i] == END_OF_REQUEST[0];
        if (END_OF_REQUEST[seen[fd]] == '\0')
            return true;
    }
    return false;
}

static void answer(int fd)
{
    char bytes[4096];
    ssize_t length = read(fd, bytes, sizeof bytes);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length > 0 && !is_complete(fd, bytes, length))
        return;
    if (length > 0 && send(fd, ANSWER, sizeof ANSWER - 1, MSG_NOSIGNAL) == (ssize_t)(sizeof ANSWER - 1))
        answered++;
    close(fd);
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: web-server ADDRESS PORT\n");
        return 2;
    }
    int signals = open_signals();
    int listener = listen_on(arguments[1], arguments[2]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    if (epoll < 0)
        fail("epoll_create1");
    watch(epoll, signals);
    watch(epoll, listener);
    printf("ready\n");
    fflush(stdout);

    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        if (ready < 0 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == signals) {
                printf("%llu\n", (unsigned long long)answered);
                return 0;
            }
            if (fd == listener)
                accept_all(epoll, listener);
            else
                answer(fd);
        }
    }
}
