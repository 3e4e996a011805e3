/*
 * Stands between the addon and the kernel (LD_PRELOAD), and lets io_uring_enter do what it does when memory is short or a
 * signal comes, or lets it be an older one. The environment variable STUBBORN_KERNEL says what, and may change at any time:
 *
 *     parts      takes at most three submissions a call, and does nothing else in a call that it takes a part of
 *     refuses    takes no submission: EAGAIN
 *     interrupts ends the wait of every other call that waits at once
 *     old        knows no epoll_pwait2: ENOSYS
 *     sandboxed  allows none: EPERM
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#define SUBMISSIONS_MAX 3
#define NR_EPOLL_PWAIT2 441

static int mode_is(const char *name)
{
	const char *mode = getenv("STUBBORN_KERNEL");
	return mode != NULL && strcmp(mode, name) == 0;
}

static int fail(int error)
{
	errno = error;
	return -1;
}

long syscall(long number, ...)
{
	static long (*next)(long, ...);
	static unsigned int waits;
	long a[6];
	va_list arguments;
	va_start(arguments, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	if (next == NULL)
		next = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	if (number == NR_EPOLL_PWAIT2 && mode_is("old"))
		return fail(ENOSYS);
	if (number == NR_EPOLL_PWAIT2 && mode_is("sandboxed"))
		return fail(EPERM);
	if (number == __NR_io_uring_enter && a[1] > 0 && mode_is("refuses"))
		return fail(EAGAIN);
	if (number == __NR_io_uring_enter && a[2] > 0 && mode_is("interrupts") && waits++ % 2 == 0) {
		a[2] = 0;
		if (a[1] == 0)
			return fail(EINTR);
	}
	if (number == __NR_io_uring_enter && a[1] > SUBMISSIONS_MAX && mode_is("parts")) {
		a[1] = SUBMISSIONS_MAX;
		a[3] &= ~IORING_ENTER_GETEVENTS;
	}
	return next(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
