/*
 * Detours of a thread into other network namespaces. What is opened there stays valid when the thread is back, and no
 * JavaScript runs in between, so nothing else of the process sees the detour.
 */
#ifndef TAPWIRE_NAMESPACE_H
#define TAPWIRE_NAMESPACE_H

#include "failure.h"

/* The namespace that the thread is in; -1 with errno. */
int namespace_open_own(void);

/* Back to `home`. Where that fails the process ends: it would otherwise go on in somebody else's network. */
void namespace_return(int home);

/* A network namespace that nobody has a name for, with its loopback up; it lives as long as its descriptor. -1 with errno. */
int namespace_make(void);

/* Goes to the namespace of the path. Returns the way home, which `namespace_leave` takes; -1 with `failure` filled in, and nobody went. */
int namespace_enter(const char *path, struct failure *failure);
void namespace_leave(int home);

#endif
