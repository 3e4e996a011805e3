#ifndef TAPWIRE_SHIM_NAMESPACES_H
#define TAPWIRE_SHIM_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>

#define BINDS_MAX 64

struct bind {
	const char *source;
	const char *target;
	bool bound; /* once: what was never there is not looked for */
};

struct sandbox {
	const char *directory;
	const char *hostname;
	const char *network; /* `own`, `host` or the path of a namespace */
	struct bind binds[BINDS_MAX];
	size_t bind_count;
};

/* Which step failed, and errno. */
struct failure {
	const char *step;
	int error;
};

/* Moves the process into namespaces of its own. What is not essential and fails is passed to `warn`. */
bool namespaces_enter(struct sandbox *sandbox, void (*warn)(const char *text, int error), struct failure *failure);

/*
 * A descriptor that polls POLLPRI at each change of this namespace's mounts. Whoever replaces a file of the machine by
 * another one (rename(2) over /etc/hosts, as editors do) makes one: the kernel takes away what was mounted over the old
 * file, in every namespace. -1 where it cannot be had.
 */
int namespaces_watch(void);

/* Binds again what has gone that way. False where it could not yet: the new file is not there. */
bool namespaces_rebind(const struct sandbox *sandbox);

#endif
