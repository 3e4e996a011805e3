#ifndef TAPWIRE_FAILURE_H
#define TAPWIRE_FAILURE_H

#include <errno.h>

/* Which step failed and why. The step's words are those that src/ports turns into a message. */
struct failure {
	const char *step;
	int error;
};

/* Takes errno as the reason; returns -1. */
static inline int fail(struct failure *failure, const char *step)
{
	failure->step = step;
	failure->error = errno;
	return -1;
}

#endif
