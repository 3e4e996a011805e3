/* What clients ask for: README.md, "Frames". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

static void refuse(struct connection *connection, const char *text)
{
	connection_fail(connection, EXIT_FAILED, text);
}

/* The process that standard input and size on this connection are for. */
static struct process *target(struct shim *shim, struct connection *connection)
{
	if (connection->process != NULL)
		return connection->process;
	return connection->attached ? &shim->command : NULL;
}

/* ----------------------------------------------------------------------------------------------- streams */

static void handle_stdin(struct shim *shim, struct connection *connection, const struct frame *frame)
{
	struct process *process = target(shim, connection);
	if (process == NULL) {
		refuse(connection, "input comes behind attach or exec");
		return;
	}
	if (frame->length == 0)
		process_end_input(process);
	else if (!process_input(process, frame->payload, frame->length))
		connection->gone = true;
	else if (process->pid > 0)
		process_flush_input(process);
}

static void handle_resize(struct shim *shim, struct connection *connection, const struct frame *frame)
{
	if (frame->length != 4) {
		refuse(connection, "a size has four bytes");
		return;
	}
	const struct winsize size = { .ws_row = read_u16(frame->payload), .ws_col = read_u16(frame->payload + 2) };
	struct process *process = target(shim, connection);
	connection->size = size;
	if (process != NULL)
		process_resize(process, &size);
}

static void handle_attach(struct connection *connection)
{
	if (connection->process != NULL) {
		refuse(connection, "this connection has a process of its own");
		return;
	}
	connection->attached = true;
	connection_send(connection, FRAME_DONE, NULL, 0);
}

/* ----------------------------------------------------------------------------------------------- signals */

static bool ends_by_default(int number)
{
	switch (number) {
	case SIGCHLD:
	case SIGCONT:
	case SIGURG:
	case SIGWINCH:
	case SIGSTOP:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		return false;
	default:
		return true;
	}
}

void take_signal(struct shim *shim, int number)
{
	if (shim->phase != PHASE_HOLDS)
		return;
	if (shim->command.pid > 0)
		kill(shim->command.pid, number);
	else if (ends_by_default(number))
		ending_begin(shim, 128 + number);
}

static void handle_signal(struct shim *shim, struct connection *connection, const struct frame *frame)
{
	if (frame->length != 1 || frame->payload[0] == 0 || frame->payload[0] >= NSIG) {
		refuse(connection, "there is no such signal");
		return;
	}
	const struct process *process = connection->process;
	if (process == NULL)
		take_signal(shim, frame->payload[0]);
	else if (!process->ended)
		kill(process->pid, frame->payload[0]);
}

/* ------------------------------------------------------------------------------------------------ plans */

static void start_process(struct shim *shim, struct connection *connection, struct process *process)
{
	struct plan plan;
	struct start_failure failure;
	const char *wrong = plan_parse((char *)queue_front(&connection->plan), connection->plan.length, shim->marker, &plan);
	if (wrong != NULL) {
		refuse(connection, wrong);
		return;
	}
	if (process_start(process, &plan, &failure))
		connection_send_number(connection, FRAME_STARTED, (uint32_t)process->pid);
	else
		connection_fail(connection, failure.exit_code, failure.text);
	plan_free(&plan);
}

static void start_command(struct shim *shim, struct connection *connection)
{
	if (shim->command.pid > 0)
		refuse(connection, "the command was started before");
	else
		start_process(shim, connection, &shim->command);
}

static void start_exec(struct shim *shim, struct connection *connection)
{
	if (connection->process != NULL || connection->attached) {
		refuse(connection, "a connection is for one process");
		return;
	}
	struct process *process = malloc(sizeof(*process));
	if (process == NULL) {
		refuse(connection, "out of memory");
		return;
	}
	process_init(process);
	process->size = connection->size;
	start_process(shim, connection, process);
	if (process->pid > 0)
		connection->process = process;
	else
		free(process);
}

/* Frames of one type follow each other until one is not full. */
static void handle_plan(struct shim *shim, struct connection *connection, const struct frame *frame)
{
	connection->in_plan = frame->length == FRAME_PAYLOAD_MAX;
	connection->plan_type = frame->type;
	if (connection->plan.length + frame->length > PLAN_MAX ||
	    !queue_append(&connection->plan, frame->payload, frame->length)) {
		refuse(connection, "the plan is too long");
		connection->closing = true;
		return;
	}
	if (connection->in_plan)
		return;
	if (shim->phase != PHASE_HOLDS)
		refuse(connection, "the sandbox is at its end");
	else if (frame->type == FRAME_START)
		start_command(shim, connection);
	else
		start_exec(shim, connection);
	queue_clear(&connection->plan);
}

/* ------------------------------------------------------------------------------------------------ sysctls */

/* Only what belongs to the network namespace, and no way out of its folder. */
static bool is_network_sysctl(const char *name)
{
	return strncmp(name, "net/", 4) == 0 && strstr(name, "..") == NULL;
}

static int write_sysctl(const char *name, const uint8_t *value, size_t length)
{
	char path[512];
	if (snprintf(path, sizeof(path), "/proc/sys/%s", name) >= (int)sizeof(path))
		return ENAMETOOLONG;
	const int file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		return errno;
	const ssize_t written = write(file, value, length);
	const int error = written < 0 ? errno : (size_t)written < length ? EINVAL : 0;
	close(file);
	return error;
}

static void handle_sysctl(struct connection *connection, const struct frame *frame)
{
	const char *name = (const char *)frame->payload;
	const uint8_t *end = memchr(frame->payload, '\0', frame->length);
	if (end == NULL || !is_network_sysctl(name)) {
		refuse(connection, "this is no sysctl of a network");
		return;
	}
	const size_t length = frame->length - (size_t)(end + 1 - frame->payload);
	const int error = write_sysctl(name, end + 1, length);
	if (error == 0) {
		connection_send(connection, FRAME_DONE, NULL, 0);
		return;
	}
	char text[1024];
	snprintf(text, sizeof(text), "sysctl %.512s: %s", name, strerror(error));
	refuse(connection, text);
}

/* --------------------------------------------------------------------------------------------- dispatch */

static void handle_frame(struct shim *shim, struct connection *connection, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_STDIN:
		handle_stdin(shim, connection, frame);
		return;
	case FRAME_RESIZE:
		handle_resize(shim, connection, frame);
		return;
	case FRAME_SIGNAL:
		handle_signal(shim, connection, frame);
		return;
	case FRAME_START:
	case FRAME_EXEC:
		handle_plan(shim, connection, frame);
		return;
	case FRAME_ATTACH:
		handle_attach(connection);
		return;
	case FRAME_SYSCTL:
		handle_sysctl(connection, frame);
		return;
	case FRAME_LASTWORDS:
		ending_begin(shim, 128 + SIGKILL);
		return;
	default:
		refuse(connection, "this frame is the shim's to send");
	}
}

bool requests_wait(const struct shim *shim, const struct connection *connection)
{
	if (connection->closing)
		return false;
	if (!connection_has_room(connection))
		return true;
	const struct process *process =
		connection->process != NULL ? connection->process : connection->attached ? &shim->command : NULL;
	return process != NULL && process->waiting.length >= INPUT_MAX;
}

bool requests_ready(const struct shim *shim, const struct connection *connection)
{
	struct frame frame;
	return !requests_wait(shim, connection) &&
	       frame_parse(connection->input, connection->have, &frame) != FRAME_INCOMPLETE;
}

/* Those that follow a malformed one could be anything, so the connection ends. */
static void end_malformed(struct connection *connection)
{
	refuse(connection, "this is no frame");
	connection->closing = true;
	connection->have = 0;
}

void requests_handle(struct shim *shim, struct connection *connection)
{
	size_t at = 0;
	while (!connection->closing && !connection->gone && !requests_wait(shim, connection)) {
		struct frame frame;
		const enum frame_result result = frame_parse(connection->input + at, connection->have - at, &frame);
		if (result == FRAME_INCOMPLETE)
			break;
		if (result == FRAME_MALFORMED || (connection->in_plan && frame.type != connection->plan_type)) {
			end_malformed(connection);
			return;
		}
		at += FRAME_HEADER + frame.length;
		handle_frame(shim, connection, &frame);
	}
	if (connection->closing || at == 0)
		return;
	memmove(connection->input, connection->input + at, connection->have - at);
	connection->have -= at;
}
