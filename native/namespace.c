#define _GNU_SOURCE
#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

int namespace_open_own(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static bool is_at_home(int home)
{
	struct stat home_stat, here_stat;
	int here = namespace_open_own();
	bool result = here >= 0 && fstat(here, &here_stat) == 0 && fstat(home, &home_stat) == 0 &&
	              here_stat.st_ino == home_stat.st_ino && here_stat.st_dev == home_stat.st_dev;
	if (here >= 0)
		close(here);
	return result;
}

/* Whoever may not leave its namespace may not enter it either: a thread that never left is left alone. */
void namespace_return(int home)
{
	if (is_at_home(home) || setns(home, CLONE_NEWNET) == 0)
		return;
	perror("tapwire: cannot return to the network namespace that the process belongs to; ending");
	abort();
}

static int loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control < 0)
		return -1;
	int result = ioctl(control, SIOCSIFFLAGS, &request);
	close(control);
	return result;
}

int namespace_make(void)
{
	int made = -1, home = namespace_open_own();
	if (home < 0)
		return -1;
	if (unshare(CLONE_NEWNET) == 0 && loopback_up() == 0)
		made = namespace_open_own();
	int error = errno;
	namespace_return(home);
	close(home);
	errno = error;
	return made;
}

int namespace_enter(const char *path, struct failure *failure)
{
	/* O_NONBLOCK: the path may lead to anything, and a named pipe would wait for its writer. */
	int namespace_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int home = namespace_fd < 0 ? -1 : namespace_open_own();
	if (home < 0)
		fail(failure, "open-namespace");
	else if (setns(namespace_fd, CLONE_NEWNET) < 0) {
		fail(failure, "enter-namespace");
		close(home);
		home = -1;
	}
	if (namespace_fd >= 0)
		close(namespace_fd);
	return home;
}

void namespace_leave(int home)
{
	namespace_return(home);
	close(home);
}
