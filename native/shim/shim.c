/*
 * The loop. One round: wait, take signals and new clients, read what is there and has room where it goes, send what can
 * be sent; then see what has ended by that.
 *
 *     clients ──requests──► processes ──output──► log, and clients
 *
 * Nothing is read whose way on is full, so a client or a process that does not read holds up what is for it, and no
 * memory grows.
 */
#define _GNU_SOURCE
#include "shim.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define READ_SIZE 32768

/* Milliseconds after which what is left is looked for once more, and a client accepted once more. */
#define AGAIN_MS 50

/* The same of a file of the machine over which one of ours has been. */
#define REBIND_MS 1000

/* Signals, listener and mounts; a socket and three streams a client; three streams of the command. */
#define WATCHES_MAX (3 + 4 * CONNECTIONS_MAX + 3)

/* Which streams there are to read, of a process. */
struct source {
	struct process *process;
	struct connection *connection; /* of an `exec`; NULL for the command */
};

/* ------------------------------------------------------------------------------------------------- output */

static bool has_room(const struct shim *shim, struct source source)
{
	if (source.connection != NULL)
		return connection_has_room(source.connection);
	for (size_t index = 0; index < shim->connection_count; index++) {
		const struct connection *connection = shim->connections[index];
		if (connection->attached && !connection->gone && !connection_has_room(connection))
			return false;
	}
	return true;
}

static void deliver(struct shim *shim, struct source source, bool errors, const uint8_t *bytes, size_t length)
{
	const enum frame_type type = errors ? FRAME_STDERR : FRAME_STDOUT;
	if (source.connection != NULL) {
		connection_send(source.connection, type, bytes, length);
		return;
	}
	log_write(&shim->log, errors ? LOG_STDERR : LOG_STDOUT, bytes, length);
	for (size_t index = 0; index < shim->connection_count; index++)
		if (shim->connections[index]->attached)
			connection_send(shim->connections[index], type, bytes, length);
}

/* One read. A stream that is at its end is closed; so is one that is drained. */
static void read_output(struct shim *shim, struct source source, int *end)
{
	static uint8_t bytes[READ_SIZE];
	struct process *process = source.process;
	const bool errors = end == &process->errors;
	size_t *left = errors ? &process->errors_left : &process->output_left;
	const size_t wanted = process->draining && *left < sizeof(bytes) ? *left : sizeof(bytes);
	const ssize_t length = wanted == 0 ? 0 : read(*end, bytes, wanted);
	if (length > 0) {
		deliver(shim, source, errors, bytes, (size_t)length);
		*left -= process->draining ? (size_t)length : 0;
	} else if (length == 0 || process->draining || (errno != EAGAIN && errno != EINTR))
		process_close_output(process, end);
}

static void drain(struct shim *shim, struct source source, bool whatever_room)
{
	struct process *process = source.process;
	int *ends[] = { &process->output, &process->errors };
	for (size_t index = 0; index < 2; index++)
		while (*ends[index] >= 0 && (whatever_room || has_room(shim, source)))
			read_output(shim, source, ends[index]);
}

/* -------------------------------------------------------------------------------------------- what is watched */

enum watched { WATCH_SIGNALS, WATCH_LISTENER, WATCH_MOUNTS, WATCH_CONNECTION, WATCH_INPUT, WATCH_OUTPUT, WATCH_ERRORS };

static struct pollfd polled[WATCHES_MAX];

static struct watch {
	enum watched what;
	struct connection *connection;
	struct process *process;
} watches[WATCHES_MAX];

static size_t watch_count;

static void watch(int descriptor, short events, struct watch watch)
{
	if (descriptor < 0)
		return;
	polled[watch_count] = (struct pollfd){ .fd = descriptor, .events = events };
	watches[watch_count++] = watch;
}

/* A stream is watched only for what can be done about it: its hanging up alone would wake us over and over. */
static void watch_process(const struct shim *shim, struct source source)
{
	struct process *process = source.process;
	const short out = process->waiting.length > 0 ? POLLOUT : 0;
	const short in = has_room(shim, source) ? POLLIN : 0;
	const struct watch about = { WATCH_INPUT, source.connection, process };
	if (process->pid == 0)
		return;
	if (out != 0)
		watch(process->input, out, about);
	if (in == 0)
		return;
	watch(process->output, in, (struct watch){ WATCH_OUTPUT, source.connection, process });
	watch(process->errors, in, (struct watch){ WATCH_ERRORS, source.connection, process });
}

static void watch_connection(const struct shim *shim, struct connection *connection)
{
	short events = 0;
	if (!connection->input_ended && !requests_wait(shim, connection))
		events |= POLLIN;
	if (connection->output.length > 0)
		events |= POLLOUT;
	watch(connection->socket, events, (struct watch){ WATCH_CONNECTION, connection, NULL });
	if (connection->process != NULL)
		watch_process(shim, (struct source){ connection->process, connection });
}

static void watch_all(struct shim *shim)
{
	watch_count = 0;
	watch(shim->signals, POLLIN, (struct watch){ WATCH_SIGNALS, NULL, NULL });
	if (!shim->listener_rests)
		watch(shim->listener, POLLIN, (struct watch){ WATCH_LISTENER, NULL, NULL });
	if (shim->phase == PHASE_HOLDS)
		watch(shim->mounts, POLLPRI, (struct watch){ WATCH_MOUNTS, NULL, NULL });
	watch_process(shim, (struct source){ &shim->command, NULL });
	for (size_t index = 0; index < shim->connection_count; index++)
		watch_connection(shim, shim->connections[index]);
}

/* What can go on although nothing more happens: sending has made room since we looked. */
static bool has_work(const struct shim *shim, const struct connection *connection)
{
	const struct process *process = connection->process;
	if (connection->closing)
		return false;
	if (process != NULL && process->ended && connection_has_room(connection))
		return true;
	return requests_ready(shim, connection);
}

static int time_to_wait(const struct shim *shim)
{
	for (size_t index = 0; index < shim->connection_count; index++)
		if (has_work(shim, shim->connections[index]))
			return 0;
	if (shim->phase == PHASE_ENDS || shim->listener_rests)
		return AGAIN_MS;
	if (shim->phase == PHASE_HOLDS)
		return shim->unbound ? REBIND_MS : -1;
	const int64_t left = shim->deadline - clock_ms();
	return left < 0 ? 0 : (int)left;
}

/* ------------------------------------------------------------------------------------------- what has happened */

/* In place of the first frame. A socket that nobody has written to yet takes it at once. */
static void refuse_client(int socket)
{
	struct connection *connection = connection_open(socket);
	if (connection == NULL) {
		close(socket);
		return;
	}
	connection_fail(connection, EXIT_FAILED, "there are too many connections to the sandbox");
	connection_flush(connection);
	connection_free(connection);
}

static void accept_client(struct shim *shim)
{
	const int socket = accept4(shim->listener, NULL, NULL, SOCK_CLOEXEC);
	if (socket < 0) {
		shim->listener_rests = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
		return;
	}
	if (shim->connection_count == CONNECTIONS_MAX) {
		refuse_client(socket);
		return;
	}
	struct connection *connection = connection_open(socket);
	if (connection == NULL) {
		close(socket);
		return;
	}
	uint8_t state[8];
	write_u32(state, (uint32_t)getpid());
	write_u32(state + 4, (uint32_t)shim->command.pid);
	connection_send(connection, FRAME_STATE, state, sizeof(state));
	shim->connections[shim->connection_count++] = connection;
}

/* The process that was `pid`, whose number may be another's from now on. */
static struct process *find_process(struct shim *shim, pid_t pid)
{
	if (shim->command.pid == pid && !shim->command.ended)
		return &shim->command;
	for (size_t index = 0; index < shim->connection_count; index++) {
		struct process *process = shim->connections[index]->process;
		if (process != NULL && process->pid == pid && !process->ended)
			return process;
	}
	return NULL;
}

/* False when there is no child left. */
static bool reap(struct shim *shim)
{
	for (;;) {
		int status;
		const pid_t pid = waitpid(-1, &status, WNOHANG);
		if (pid <= 0)
			return pid == 0 || errno == EINTR;
		struct process *process = find_process(shim, pid);
		if (process == NULL)
			continue;
		process->ended = true;
		process->exit_code = exit_code_of(status);
		if (process == &shim->command)
			ending_begin(shim, process->exit_code);
		else
			process_begin_draining(process);
	}
}

static void read_signals(struct shim *shim)
{
	struct signalfd_siginfo signal;
	while (read(shim->signals, &signal, sizeof(signal)) == sizeof(signal))
		if (signal.ssi_signo != SIGCHLD)
			take_signal(shim, (int)signal.ssi_signo);
}

static void serve(struct shim *shim, struct connection *connection, short events)
{
	const bool waits = requests_wait(shim, connection);
	if ((events & POLLIN) != 0 && !connection->input_ended)
		connection_receive(connection);
	else if ((events & (POLLHUP | POLLERR)) != 0 && (waits || connection->input_ended))
		connection->gone = true;
}

static void dispatch(struct shim *shim, const struct watch *watch, short events)
{
	const struct source source = { watch->process, watch->connection };
	switch (watch->what) {
	case WATCH_SIGNALS:
		read_signals(shim);
		return;
	case WATCH_LISTENER:
		accept_client(shim);
		return;
	case WATCH_MOUNTS:
		shim->unbound = true;
		return;
	case WATCH_CONNECTION:
		serve(shim, watch->connection, events);
		return;
	case WATCH_INPUT:
		process_flush_input(watch->process);
		return;
	case WATCH_OUTPUT:
		if (watch->process->output >= 0)
			read_output(shim, source, &watch->process->output);
		return;
	case WATCH_ERRORS:
		if (watch->process->errors >= 0)
			read_output(shim, source, &watch->process->errors);
		return;
	}
}

/* ----------------------------------------------------------------------------------------------- and then */

static void send_output(struct shim *shim, struct connection *connection)
{
	const size_t before = connection->output.length;
	connection_flush(connection);
	if (shim->phase == PHASE_TELLS && connection->output.length < before)
		shim->deadline = clock_ms() + LINGER_MS;
	/* A client that still sends when the socket is closed is told that its pipe is broken, and reads no more of the rest. */
	if (connection->shut && connection->input_ended)
		connection->gone = true;
}

static void advance_connection(struct shim *shim, struct connection *connection)
{
	struct process *process = connection->process;
	requests_handle(shim, connection);
	process = connection->process;
	if (process != NULL && process->ended && !connection->closing) {
		drain(shim, (struct source){ process, connection }, false);
		if (process->output < 0 && process->errors < 0)
			connection_send_exit(connection, process->exit_code);
	}
	if (!connection->gone)
		send_output(shim, connection);
}

static void forget_gone(struct shim *shim)
{
	size_t kept = 0;
	for (size_t index = 0; index < shim->connection_count; index++) {
		struct connection *connection = shim->connections[index];
		if (!connection->gone) {
			shim->connections[kept++] = connection;
			continue;
		}
		const struct process *process = connection->process;
		if (process != NULL && !process->ended && !process->detached)
			kill(process->pid, SIGHUP);
		connection_free(connection);
	}
	shim->connection_count = kept;
}

/* All that the command, and what else ran, has printed; then how it ended. */
static void tell_exit(struct shim *shim)
{
	process_begin_draining(&shim->command);
	drain(shim, (struct source){ &shim->command, NULL }, true);
	ending_note(shim);
	process_close(&shim->command);
	for (size_t index = 0; index < shim->connection_count; index++) {
		struct connection *connection = shim->connections[index];
		struct process *process = connection->process;
		if (connection->closing)
			continue;
		if (process == NULL) {
			connection_send_exit(connection, shim->exit_code);
			continue;
		}
		const int exit_code = process->ended ? process->exit_code : 128 + SIGKILL;
		process->ended = true;
		process_begin_draining(process);
		drain(shim, (struct source){ process, connection }, true);
		connection_send_exit(connection, exit_code);
	}
}

void shim_run(struct shim *shim)
{
	bool told = false;
	while (!told) {
		watch_all(shim);
		const int ready = poll(polled, watch_count, time_to_wait(shim));
		shim->listener_rests = false;
		for (size_t index = 0; ready > 0 && index < watch_count; index++)
			if (polled[index].revents != 0)
				dispatch(shim, &watches[index], polled[index].revents);
		if (shim->unbound)
			shim->unbound = shim->phase == PHASE_HOLDS && !namespaces_rebind(shim->sandbox);
		const bool children_left = reap(shim);
		for (size_t index = 0; index < shim->connection_count; index++)
			advance_connection(shim, shim->connections[index]);
		forget_gone(shim);
		if (shim->phase == PHASE_ENDS && ending_done(shim, children_left))
			tell_exit(shim);
		told = shim->phase == PHASE_TELLS && (shim->connection_count == 0 || clock_ms() >= shim->deadline);
	}
}
