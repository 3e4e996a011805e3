#ifndef TAPWIRE_SHIM_PLAN_H
#define TAPWIRE_SHIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>

/* More than execve(2) takes: a quarter of the usual stack limit, 2 MiB. */
#define PLAN_MAX (4 * 1024 * 1024)

/* What to run, as README.md says. The strings lie in the bytes that it was parsed from. */
struct plan {
	bool tty;
	bool open_stdin;
	bool detached;
	const char *directory;
	char **arguments; /* at least one, then NULL */
	char **environment; /* then NULL; what every command gets is in it */
	char *added; /* memory of what the environment got from us */
};

/* NULL, or what is wrong with the bytes. `marker` is the value of TAPWIRE_SANDBOX. */
const char *plan_parse(char *bytes, size_t length, const char *marker, struct plan *plan);
void plan_free(struct plan *plan);

/* The value of `name` in a plan's environment; NULL where it has none. */
const char *plan_variable(const struct plan *plan, const char *name);

#endif
