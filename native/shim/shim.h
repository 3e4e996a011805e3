#ifndef TAPWIRE_SHIM_SHIM_H
#define TAPWIRE_SHIM_SHIM_H

#include <signal.h>

#include "connection.h"
#include "log.h"
#include "namespaces.h"
#include "process.h"

/* Clients at a time; others are told that there are too many. The daemon needs one, and one for each stream that is open. */
#define CONNECTIONS_MAX 128

/* Milliseconds that what is killed may take to be gone. Only a process that hangs in the kernel takes that long. */
#define ENDING_MS 10000

/* Milliseconds without progress after which a client that does not read its last frames is given up. */
#define LINGER_MS 10000

enum phase {
	PHASE_HOLDS, /* from the first connection on */
	PHASE_ENDS, /* the command, or the idle shim, is at its end; what is left is being killed */
	PHASE_TELLS, /* all is noted; clients read their last frames */
};

struct shim {
	int directory;
	int machine_network; /* the namespace that we came from; -1 in host mode */
	const struct sandbox *sandbox;
	int mounts; /* namespaces_watch */
	bool unbound; /* a bind has gone, and could not be made again yet */
	const char *marker; /* value of TAPWIRE_SANDBOX */
	int listener;
	bool listener_rests; /* there was no descriptor for one more client */
	int signals;
	enum phase phase;
	int64_t deadline; /* of the phase, in milliseconds of clock_ms */
	struct process command; /* pid 0 while there is none */
	int exit_code; /* once the phase is not PHASE_HOLDS */
	bool leaves; /* something that did not go in time */
	struct connection *connections[CONNECTIONS_MAX];
	size_t connection_count;
	struct log log;
};

/* Runs until all is told. */
void shim_run(struct shim *shim);

/* requests.c: carries out the whole frames that a connection has received, as far as there is room for what follows. */
void requests_handle(struct shim *shim, struct connection *connection);
/* Whether the connection's next frame has to wait, and so nothing more is read from it. */
bool requests_wait(const struct shim *shim, const struct connection *connection);
/* Whether there is a whole frame that need not wait. */
bool requests_ready(const struct shim *shim, const struct connection *connection);
/* As the frame `signal` of an idle shim, or one from outside. */
void take_signal(struct shim *shim, int number);

/* ending.c */
void ending_begin(struct shim *shim, int exit_code);
/* True when nothing is left, or what is left does not go. */
bool ending_done(struct shim *shim, bool children_left);
/* Notes the exit and takes the shim's files away. */
void ending_note(struct shim *shim);

#endif
