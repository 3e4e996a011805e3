/*
 * Tells JavaScript that something waits at one of thousands of sockets, with one epoll and one thread, which calls back
 * and then sleeps until it is told that all has been taken, or as much as there was room for. So nothing is ever queued here.
 */
#ifndef TAPWIRE_ARRIVAL_WATCH_H
#define TAPWIRE_ARRIVAL_WATCH_H

#include <node_api.h>
#include <pthread.h>
#include <stdatomic.h>

struct arrival_watch {
	int epoll_fd; /* sockets are added to it and taken out of it at any time */
	int control_fd; /* an eventfd: signalled to go on, or to end */
	atomic_bool ending;
	pthread_t thread;
	napi_threadsafe_function ready;
};

/* 0, or a negative errno. `callback` is called without arguments, once before each arrival_watch_resume. */
int arrival_watch_open(struct arrival_watch *watch, napi_env env, napi_value callback);
void arrival_watch_resume(struct arrival_watch *watch);
/* The thread has ended when this returns, and no callback comes any more. */
void arrival_watch_close(struct arrival_watch *watch);

#endif
