#ifndef TAPWIRE_SHIM_NAMESPACES_H
#define TAPWIRE_SHIM_NAMESPACES_H

#include <stdbool.h>
#include <stddef.h>

#define BINDS_MAX 64

struct bind {
	const char *source;
	const char *target;
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
bool namespaces_enter(const struct sandbox *sandbox, void (*warn)(const char *text, int error), struct failure *failure);

#endif
