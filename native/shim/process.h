#ifndef TAPWIRE_SHIM_PROCESS_H
#define TAPWIRE_SHIM_PROCESS_H

#include <sys/ioctl.h>
#include <sys/types.h>

#include "plan.h"
#include "queue.h"

/* Bytes of standard input that wait for the process to read. Behind them no more is read from the connection. */
#define INPUT_MAX (128 * 1024)

#define EXIT_FAILED 125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

/* A process that was started by `start` or `exec`, and our ends of its standard streams, each -1 where there is none. */
struct process {
	pid_t pid; /* 0 before it is started */
	bool ended;
	int exit_code; /* once it has ended */
	bool detached;
	int input; /* with a terminal the same descriptor as output */
	int output;
	int errors;
	bool draining; /* only what is there already is read of its output: */
	size_t output_left;
	size_t errors_left;
	bool tty;
	struct winsize size; /* of its terminal; all 0 where nobody has said */
	struct queue waiting; /* standard input */
	bool input_ends; /* behind what waits */
};

struct start_failure {
	int exit_code; /* EXIT_… */
	char text[1024];
};

void process_init(struct process *process);

/* Runs the plan in a session of its own. On failure nothing is left, and `failure` is filled in. */
bool process_start(struct process *process, const struct plan *plan, struct start_failure *failure);

/* 128 and the signal's number where a signal ended it. */
int exit_code_of(int wait_status);

void process_resize(struct process *process, const struct winsize *size);

/* Standard input: false where there is no memory. It is dropped where the process has none. */
bool process_input(struct process *process, const uint8_t *bytes, size_t length);
void process_end_input(struct process *process);
/* Writes as much of it as the process takes now. */
void process_flush_input(struct process *process);

/*
 * From now on its output ends with what it has printed so far. What it has left running may go on printing for ever, and
 * nobody waits for that.
 */
void process_begin_draining(struct process *process);

/* Closes our ends and forgets what waits. */
void process_close(struct process *process);

/* Closes one end, and with a terminal both. */
void process_close_output(struct process *process, int *end);

#endif
