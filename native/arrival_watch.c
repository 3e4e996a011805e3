#define _GNU_SOURCE
#include "arrival_watch.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* The thread only waits: it needs no more than poll and the callback's queue do. */
#define STACK_SIZE (256 * 1024)

static void signal_control(struct arrival_watch *watch)
{
	uint64_t one = 1;
	while (write(watch->control_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* Waits until something has arrived, or with `arrivals` false until the control descriptor is signalled. */
static void wait_for(struct arrival_watch *watch, bool arrivals)
{
	struct pollfd descriptors[] = {
		{ .fd = watch->control_fd, .events = POLLIN },
		{ .fd = watch->epoll_fd, .events = POLLIN },
	};
	uint64_t value;
	if (poll(descriptors, arrivals ? 2 : 1, -1) > 0 && descriptors[0].revents != 0)
		(void)!read(watch->control_fd, &value, sizeof(value));
}

static bool has_arrivals(const struct arrival_watch *watch)
{
	struct pollfd descriptor = { .fd = watch->epoll_fd, .events = POLLIN };
	return poll(&descriptor, 1, 0) > 0;
}

static void *run(void *data)
{
	struct arrival_watch *watch = data;
	while (!atomic_load(&watch->ending)) {
		if (!has_arrivals(watch)) {
			wait_for(watch, true);
			continue;
		}
		napi_call_threadsafe_function(watch->ready, NULL, napi_tsfn_nonblocking);
		wait_for(watch, false);
	}
	return NULL;
}

/* Signals are for the thread that JavaScript runs in. */
static int start_thread(struct arrival_watch *watch)
{
	sigset_t all, before;
	pthread_attr_t attributes;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	int error = pthread_create(&watch->thread, &attributes, run, watch);
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

static int open_callback(struct arrival_watch *watch, napi_env env, napi_value callback)
{
	napi_value name;
	napi_create_string_utf8(env, "tapwire-arrivals", NAPI_AUTO_LENGTH, &name);
	if (napi_create_threadsafe_function(env, callback, NULL, name, 1, 1, NULL, NULL, NULL, NULL, &watch->ready) !=
	    napi_ok)
		return -ENOMEM;
	/* Ports that wait for visitors are no reason for a process to go on. */
	napi_unref_threadsafe_function(env, watch->ready);
	return 0;
}

static void close_descriptors(struct arrival_watch *watch)
{
	if (watch->control_fd >= 0)
		close(watch->control_fd);
	if (watch->epoll_fd >= 0)
		close(watch->epoll_fd);
}

int arrival_watch_open(struct arrival_watch *watch, napi_env env, napi_value callback)
{
	watch->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch->control_fd = watch->epoll_fd < 0 ? -1 : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	atomic_init(&watch->ending, false);
	int result = watch->control_fd < 0 ? -errno : open_callback(watch, env, callback);
	if (result == 0) {
		result = start_thread(watch);
		if (result < 0)
			napi_release_threadsafe_function(watch->ready, napi_tsfn_abort);
	}
	if (result < 0)
		close_descriptors(watch);
	return result;
}

void arrival_watch_resume(struct arrival_watch *watch)
{
	signal_control(watch);
}

void arrival_watch_close(struct arrival_watch *watch)
{
	atomic_store(&watch->ending, true);
	signal_control(watch);
	pthread_join(watch->thread, NULL);
	napi_release_threadsafe_function(watch->ready, napi_tsfn_abort);
	close_descriptors(watch);
}
