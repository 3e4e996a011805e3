/*
 * Starting a process: its streams, and the way from fork to the program.
 *
 * The child tells by a pipe that closes with a successful execve(2) which step failed and why; so a program that is
 * not there is an answer, and not just an exit code that could be the program's own.
 */
#define _GNU_SOURCE
#include "process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum step { STEP_PREPARE, STEP_DIRECTORY, STEP_SEARCH, STEP_LOOK, STEP_EXECUTE };

struct child_failure {
	enum step step;
	int error;
};

/* The child's ends. */
struct streams {
	int input;
	int output;
	int errors;
	int failure;
};

void process_init(struct process *process)
{
	*process = (struct process){ .input = -1, .output = -1, .errors = -1 };
}

static void close_end(int *end)
{
	if (*end >= 0)
		close(*end);
	*end = -1;
}

int exit_code_of(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* ---------------------------------------------------------------------------------------------- the child */

_Noreturn static void fail_child(const struct streams *streams, enum step step)
{
	const struct child_failure failure = { step, errno };
	/* Less than PIPE_BUF into an empty pipe: whole, and at once. */
	(void)!write(streams->failure, &failure, sizeof(failure));
	_exit(EXIT_NOT_FOUND);
}

static void reset_signals(void)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool is_program(const char *path)
{
	struct stat found;
	return stat(path, &found) == 0 && S_ISREG(found.st_mode) && (found.st_mode & 0111) != 0;
}

/* The first program of that name in PATH, as a shell looks for it: `path` has PATH_MAX bytes. */
static bool find_in_path(const char *folders, const char *name, char *path)
{
	for (;;) {
		const size_t length = strcspn(folders, ":");
		const int wanted = length == 0 ? snprintf(path, PATH_MAX, "./%s", name)
		                               : snprintf(path, PATH_MAX, "%.*s/%s", (int)length, folders, name);
		if (wanted < PATH_MAX && is_program(path))
			return true;
		if (folders[length] == '\0')
			return false;
		folders += length + 1;
	}
}

static void look_at(const char *program, const struct streams *streams)
{
	struct stat found;
	if (stat(program, &found) < 0)
		fail_child(streams, STEP_LOOK);
	if (S_ISDIR(found.st_mode)) {
		errno = EISDIR;
		fail_child(streams, STEP_EXECUTE);
	}
}

static void execute(const struct plan *plan, const struct streams *streams)
{
	char path[PATH_MAX];
	const char *program = plan->arguments[0];
	if (strchr(program, '/') == NULL) {
		const char *folders = plan_variable(plan, "PATH");
		errno = ENOENT;
		if (program[0] == '\0' || strlen(folders) > INT_MAX || !find_in_path(folders, program, path))
			fail_child(streams, STEP_SEARCH);
		program = path;
	}
	look_at(program, streams);
	execve(program, plan->arguments, plan->environment);
}

_Noreturn static void be_child(const struct plan *plan, const struct streams *streams, pid_t shim)
{
	/* Should the shim be killed, nobody carries its streams any more. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != shim)
		_exit(EXIT_FAILED);
	if (setsid() < 0 || dup2(streams->input, 0) < 0 || dup2(streams->output, 1) < 0 || dup2(streams->errors, 2) < 0)
		fail_child(streams, STEP_PREPARE);
	if (plan->tty && ioctl(0, TIOCSCTTY, 0) < 0)
		fail_child(streams, STEP_PREPARE);
	umask(022);
	reset_signals();
	if (chdir(plan->directory) < 0)
		fail_child(streams, STEP_DIRECTORY);
	execute(plan, streams);
	fail_child(streams, STEP_EXECUTE);
}

/* -------------------------------------------------------------------------------------------- the streams */

static bool make_pipe(int *ours, int *theirs, bool we_read)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return false;
	*ours = ends[we_read ? 0 : 1];
	*theirs = ends[we_read ? 1 : 0];
	return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

static bool make_terminal(struct process *process, struct streams *streams)
{
	const int unlocked = 0;
	process->output = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	process->input = process->output;
	if (process->output < 0 || ioctl(process->output, TIOCSPTLCK, &unlocked) < 0)
		return false;
	const int terminal = ioctl(process->output, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (terminal < 0)
		return false;
	streams->input = terminal;
	streams->output = terminal;
	streams->errors = terminal;
	return process->size.ws_row == 0 || ioctl(process->output, TIOCSWINSZ, &process->size) == 0;
}

static bool make_streams(struct process *process, const struct plan *plan, struct streams *streams)
{
	if (plan->tty)
		return make_terminal(process, streams);
	if (plan->open_stdin && !make_pipe(&process->input, &streams->input, false))
		return false;
	if (!plan->open_stdin && (streams->input = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	if (!plan->detached)
		return make_pipe(&process->output, &streams->output, true) && make_pipe(&process->errors, &streams->errors, true);
	streams->output = open("/dev/null", O_WRONLY | O_CLOEXEC);
	streams->errors = streams->output;
	return streams->output >= 0;
}

static void close_streams(struct streams *streams)
{
	if (streams->errors != streams->output)
		close_end(&streams->errors);
	if (streams->output != streams->input)
		close_end(&streams->output);
	close_end(&streams->input);
	close_end(&streams->failure);
}

/* ---------------------------------------------------------------------------------------------- the start */

/* As the C library says it, but inside a sentence. */
static const char *reason(int error, char room[128])
{
	snprintf(room, 128, "%s", strerror(error));
	room[0] = (char)tolower((unsigned char)room[0]);
	return room;
}

static void describe(const struct child_failure *child, const struct plan *plan, struct start_failure *failure)
{
	char room[128];
	const char *why = reason(child->error, room), *program = plan->arguments[0];
	failure->exit_code = child->error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	const size_t size = sizeof(failure->text);
	if (child->step == STEP_SEARCH)
		snprintf(failure->text, size, "exec: \"%s\": executable file not found in $PATH", program);
	else if (child->step == STEP_DIRECTORY)
		snprintf(failure->text, size, "chdir to cwd (\"%s\") failed: %s", plan->directory, why);
	else if (child->step == STEP_LOOK)
		snprintf(failure->text, size, "exec: \"%s\": stat %s: %s", program, program, why);
	else if (child->step == STEP_EXECUTE)
		snprintf(failure->text, size, "exec: \"%s\": %s", program, why);
	else {
		failure->exit_code = EXIT_FAILED;
		snprintf(failure->text, size, "the process could not be prepared: %s", why);
	}
}

static bool fail(struct process *process, struct streams *streams, int error, struct start_failure *failure)
{
	char room[128];
	failure->exit_code = EXIT_FAILED;
	snprintf(failure->text, sizeof(failure->text), "the process could not be started: %s", reason(error, room));
	close_streams(streams);
	process_close(process);
	return false;
}

/* Whether the child told of a failure; waits until it has told or runs its program. */
static bool read_failure(int end, struct child_failure *child)
{
	ssize_t length;
	do
		length = read(end, child, sizeof(*child));
	while (length < 0 && errno == EINTR);
	return length == sizeof(*child);
}

bool process_start(struct process *process, const struct plan *plan, struct start_failure *failure)
{
	struct streams streams = { -1, -1, -1, -1 };
	struct child_failure child;
	int told[2];
	process->tty = plan->tty;
	process->detached = plan->detached;
	if (!make_streams(process, plan, &streams) || pipe2(told, O_CLOEXEC) < 0)
		return fail(process, &streams, errno, failure);
	streams.failure = told[1];
	const pid_t shim = getpid(), pid = fork();
	if (pid == 0)
		be_child(plan, &streams, shim);
	const int error = errno;
	close_end(&streams.failure);
	const bool failed = pid > 0 && read_failure(told[0], &child);
	close(told[0]);
	if (pid < 0)
		return fail(process, &streams, error, failure);
	close_streams(&streams);
	if (failed) {
		waitpid(pid, NULL, 0);
		process_close(process);
		describe(&child, plan, failure);
		return false;
	}
	process->pid = pid;
	if (process->input < 0 || !plan->open_stdin)
		queue_clear(&process->waiting);
	process_flush_input(process);
	return true;
}

/* -------------------------------------------------------------------------------------------- while it runs */

void process_resize(struct process *process, const struct winsize *size)
{
	process->size = *size;
	if (process->tty && process->output >= 0)
		(void)ioctl(process->output, TIOCSWINSZ, size);
}

bool process_input(struct process *process, const uint8_t *bytes, size_t length)
{
	const bool takes = process->pid == 0 || (process->input >= 0 && !process->ended);
	if (!takes || process->input_ends)
		return true;
	return queue_append(&process->waiting, bytes, length);
}

/* What a user types to end the input of a terminal. Nothing where the program reads single keys. */
static void append_end_of_file(struct process *process)
{
	struct termios settings;
	if (process->input < 0 || tcgetattr(process->input, &settings) < 0 || (settings.c_lflag & ICANON) == 0)
		return;
	queue_append(&process->waiting, &settings.c_cc[VEOF], 1);
}

void process_end_input(struct process *process)
{
	if (process->pid > 0 && process->tty) {
		append_end_of_file(process);
		process_flush_input(process);
		return;
	}
	process->input_ends = true;
	process_flush_input(process);
}

void process_flush_input(struct process *process)
{
	while (process->input >= 0 && process->waiting.length > 0) {
		const ssize_t written = write(process->input, queue_front(&process->waiting), process->waiting.length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0 && errno == EAGAIN)
			return;
		if (written < 0) {
			/* It has closed its standard input. */
			queue_clear(&process->waiting);
			process->input_ends = true;
			break;
		}
		queue_consume(&process->waiting, (size_t)written);
	}
	if (process->pid > 0 && process->input_ends && process->waiting.length == 0 && !process->tty)
		close_end(&process->input);
}

/* A terminal does not tell of all that is on its way to us; it holds no more than this. */
#define TERMINAL_OUTPUT_MAX (128 * 1024)

static size_t bytes_in(int end, bool tty)
{
	int count = 0;
	if (tty)
		return TERMINAL_OUTPUT_MAX;
	return end >= 0 && ioctl(end, FIONREAD, &count) == 0 && count > 0 ? (size_t)count : 0;
}

void process_begin_draining(struct process *process)
{
	process->draining = true;
	process->output_left = bytes_in(process->output, process->tty);
	process->errors_left = bytes_in(process->errors, false);
}

void process_close_output(struct process *process, int *end)
{
	if (*end == process->input)
		process->input = -1;
	close_end(end);
}

void process_close(struct process *process)
{
	process_close_output(process, &process->output);
	close_end(&process->errors);
	close_end(&process->input);
	queue_clear(&process->waiting);
}
