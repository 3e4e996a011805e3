/* Starting: README.md, "Starting it". */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "namespaces.h"
#include "shim.h"

#define USAGE \
	"usage: tapwire-shim hold --directory DIR --hostname NAME [--network own|host|PATH] [--bind SOURCE:TARGET]..."

/* ------------------------------------------------------------------------------------------------- answers */

/* One write each: whoever has gone meanwhile does not want to know (SIGPIPE is ignored). */
__attribute__((format(printf, 1, 2))) static void answer(const char *format, ...)
{
	char line[PATH_MAX + 256];
	va_list arguments;
	va_start(arguments, format);
	const int length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	(void)!write(1, line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

static void warn(const char *what, int error)
{
	answer("warning %s: %s\n", what, strerror(error));
}

static int failed(const char *step, int error)
{
	answer("failed %s %d %s\n", step, error, strerror(error));
	return EXIT_FAILED;
}

/* ------------------------------------------------------------------------------------------------ arguments */

static bool add_bind(struct sandbox *sandbox, char *text)
{
	char *colon = strrchr(text, ':');
	if (colon == NULL || sandbox->bind_count == BINDS_MAX)
		return false;
	*colon = '\0';
	sandbox->binds[sandbox->bind_count++] = (struct bind){ .source = text, .target = colon + 1 };
	return true;
}

static bool parse_arguments(int count, char **arguments, struct sandbox *sandbox)
{
	*sandbox = (struct sandbox){ .network = "own" };
	if (count < 2 || strcmp(arguments[1], "hold") != 0 || count % 2 != 0)
		return false;
	for (int index = 2; index < count; index += 2) {
		const char *name = arguments[index];
		char *value = arguments[index + 1];
		if (strcmp(name, "--directory") == 0)
			sandbox->directory = value;
		else if (strcmp(name, "--hostname") == 0)
			sandbox->hostname = value;
		else if (strcmp(name, "--network") == 0)
			sandbox->network = value;
		else if (strcmp(name, "--bind") != 0 || !add_bind(sandbox, value))
			return false;
	}
	return sandbox->directory != NULL && sandbox->hostname != NULL;
}

/* ------------------------------------------------------------------------------------------------- the process */

/* Standard streams that are open, of which the input is empty, and nothing else of whoever started us. */
static bool keep_standard_streams(void)
{
	int descriptor;
	do
		descriptor = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (descriptor >= 0 && descriptor <= 2);
	if (descriptor < 0 || dup2(descriptor, 0) < 0)
		return false;
#ifdef SYS_close_range
	syscall(SYS_close_range, 3U, ~0U, 0U);
#else
	close(descriptor);
#endif
	return true;
}

static int open_signals(void)
{
	sigset_t taken;
	sigemptyset(&taken);
	sigaddset(&taken, SIGCHLD);
	sigaddset(&taken, SIGHUP);
	sigaddset(&taken, SIGINT);
	sigaddset(&taken, SIGQUIT);
	sigaddset(&taken, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	if (sigprocmask(SIG_SETMASK, &taken, NULL) < 0)
		return -1;
	return signalfd(-1, &taken, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* The last part of the folder's path; behind the marker of the sandbox that we are in, where we are in one. */
static const char *make_marker(const char *directory)
{
	static char marker[2 * NAME_MAX + PATH_MAX];
	const char *outer = getenv("TAPWIRE_SANDBOX");
	size_t end = strlen(directory);
	while (end > 1 && directory[end - 1] == '/')
		end--;
	size_t start = end;
	while (start > 0 && directory[start - 1] != '/')
		start--;
	const bool nested = outer != NULL && outer[0] != '\0' && strlen(outer) < PATH_MAX;
	snprintf(marker, sizeof(marker), "%s%s%.*s", nested ? outer : "", nested ? "/" : "", (int)(end - start),
	         directory + start);
	return marker;
}

/* ------------------------------------------------------------------------------------------------- the folder */

/* Locked as long as we hold the sandbox: another shim that is sent here by mistake leaves it alone. */
static int open_directory(const char *path)
{
	const int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0 && flock(directory, LOCK_EX | LOCK_NB) < 0) {
		const int error = errno;
		close(directory);
		errno = error;
		return -1;
	}
	return directory;
}

/* By a name relative to the folder: the path of a socket may have 107 bytes only. */
static int listen_in(int directory)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "shim.sock" };
	const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -1;
	unlinkat(directory, "shim.sock", 0);
	const mode_t mask = umask(0177);
	const bool listens = fchdir(directory) == 0 &&
	                     bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
	                     listen(listener, SOMAXCONN) == 0;
	const int error = errno;
	umask(mask);
	(void)!chdir("/");
	if (listens)
		return listener;
	close(listener);
	errno = error;
	return -1;
}

/* Field 22 of /proc/self/stat: the parentheses of field 2 may hold anything. */
static bool read_start_time(unsigned long long *time)
{
	char bytes[1024];
	const int file = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	const ssize_t length = read(file, bytes, sizeof(bytes) - 1);
	close(file);
	if (length <= 0)
		return false;
	bytes[length] = '\0';
	const char *at = strrchr(bytes, ')');
	for (int field = 2; at != NULL && field < 22; field++) {
		at = strchr(at, ' ');
		at = at == NULL ? NULL : at + 1;
	}
	return at != NULL && sscanf(at, "%llu", time) == 1;
}

static bool write_holder(int directory)
{
	unsigned long long time;
	char text[64];
	errno = EIO;
	if (!read_start_time(&time))
		return false;
	const int length = snprintf(text, sizeof(text), "%d %llu\n", getpid(), time);
	const int file = openat(directory, "holder.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (file < 0)
		return false;
	const bool whole = write(file, text, (size_t)length) == length;
	close(file);
	return whole && renameat(directory, "holder.new", directory, "holder") == 0;
}

static int fail_in(int directory, const char *step)
{
	const int error = errno;
	unlinkat(directory, "shim.sock", 0);
	unlinkat(directory, "holder.new", 0);
	return failed(step, error);
}

/* ------------------------------------------------------------------------------------------------------- main */

static int hold(struct sandbox *sandbox)
{
	static struct shim shim = { .machine_network = -1, .mounts = -1 };
	struct failure failure;
	/* Fails where we lead a process group already, as when a shell's user starts us; nothing depends on it then. */
	(void)setsid();
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return failed("become-reaper", errno);
	shim.directory = open_directory(sandbox->directory);
	if (shim.directory < 0)
		return failed("open-directory", errno);
	if (strcmp(sandbox->network, "host") != 0)
		shim.machine_network = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (!namespaces_enter(sandbox, warn, &failure))
		return failed(failure.step, failure.error);
	shim.sandbox = sandbox;
	if (sandbox->bind_count > 0)
		shim.mounts = namespaces_watch();
	shim.marker = make_marker(sandbox->directory);
	shim.signals = open_signals();
	if (shim.signals < 0)
		return failed("take-signals", errno);
	if (!log_open(&shim.log, shim.directory))
		return failed("open-log", errno);
	shim.listener = listen_in(shim.directory);
	if (shim.listener < 0)
		return fail_in(shim.directory, "listen");
	if (!write_holder(shim.directory))
		return fail_in(shim.directory, "write-holder");
	process_init(&shim.command);
	answer("ready %d\n", getpid());
	/* Whoever reads our answer sees its end; number 1 stays taken, lest a stream of a command gets it. */
	if (dup2(0, 1) < 0)
		return fail_in(shim.directory, "close-answer");
	shim_run(&shim);
	return 0;
}

int main(int count, char **arguments)
{
	struct sandbox sandbox;
	signal(SIGPIPE, SIG_IGN);
	if (!keep_standard_streams())
		return EXIT_FAILED;
	if (!parse_arguments(count, arguments, &sandbox)) {
		dprintf(2, "%s\n", USAGE);
		return failed("arguments", EINVAL);
	}
	return hold(&sandbox);
}
