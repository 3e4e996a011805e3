/* The end of a shim: what is left is killed, the exit noted. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "shim.h"

/* ------------------------------------------------------------------------------------- killing what is left */

/* The kernel's list of our children; false where it was built without. */
static bool kill_listed_children(void)
{
	char path[64], bytes[4096];
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", getpid());
	const int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	ssize_t length;
	pid_t pid = 0;
	while ((length = read(file, bytes, sizeof(bytes))) > 0)
		for (ssize_t index = 0; index < length; index++) {
			if (isdigit((unsigned char)bytes[index])) {
				pid = pid * 10 + (bytes[index] - '0');
			} else if (pid > 0) {
				kill(pid, SIGKILL);
				pid = 0;
			}
		}
	close(file);
	return length == 0;
}

/* Field 4 of /proc/PID/stat, behind the name in parentheses, which may itself have any character. */
static pid_t parent_of(const char *pid)
{
	char path[300], bytes[512];
	snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	const int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return -1;
	const ssize_t length = read(file, bytes, sizeof(bytes) - 1);
	close(file);
	if (length <= 0)
		return -1;
	bytes[length] = '\0';
	const char *behind = strrchr(bytes, ')');
	int parent;
	return behind != NULL && sscanf(behind, ") %*c %d", &parent) == 1 ? parent : -1;
}

static void kill_found_children(void)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	if (processes == NULL)
		return;
	while ((entry = readdir(processes)) != NULL)
		if (isdigit((unsigned char)entry->d_name[0]) && parent_of(entry->d_name) == getpid())
			kill(atoi(entry->d_name), SIGKILL);
	closedir(processes);
}

/*
 * We are the reaper of orphans: what a child leaves behind becomes our child with its death, and is found the next
 * time. So a tree of any depth is gone after as many rounds, whoever in it has left its session.
 */
static void kill_children(void)
{
	if (!kill_listed_children())
		kill_found_children();
}

void ending_begin(struct shim *shim, int exit_code)
{
	if (shim->phase != PHASE_HOLDS)
		return;
	shim->phase = PHASE_ENDS;
	shim->deadline = clock_ms() + ENDING_MS;
	shim->exit_code = exit_code;
}

bool ending_done(struct shim *shim, bool children_left)
{
	shim->leaves = children_left && clock_ms() >= shim->deadline;
	if (!children_left || shim->leaves)
		return true;
	kill_children();
	return false;
}

/* --------------------------------------------------------------------------------------------- the exit noted */

static void write_exit(const struct shim *shim)
{
	char text[64], time[TIME_TEXT_SIZE];
	clock_text(time);
	const int length =
		snprintf(text, sizeof(text), "%d %s%s\n", shim->exit_code, time, shim->leaves ? " left" : "");
	const int file = openat(shim->directory, "exit.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (file < 0)
		return;
	const bool whole = write(file, text, (size_t)length) == length;
	close(file);
	if (!whole || renameat(shim->directory, "exit.new", shim->directory, "exit") < 0)
		unlinkat(shim->directory, "exit.new", 0);
}

/*
 * From here on the folder is another shim's, should the sandbox be started again while a slow client still reads. The
 * network namespace goes too, as soon as no one else is in it.
 */
void ending_note(struct shim *shim)
{
	log_end(&shim->log);
	if (shim->log.file >= 0)
		close(shim->log.file);
	write_exit(shim);
	unlinkat(shim->directory, "shim.sock", 0);
	unlinkat(shim->directory, "holder", 0);
	close(shim->listener);
	shim->listener = -1;
	flock(shim->directory, LOCK_UN);
	close(shim->directory);
	if (shim->machine_network >= 0)
		(void)setns(shim->machine_network, CLONE_NEWNET);
	shim->phase = PHASE_TELLS;
	shim->deadline = clock_ms() + LINGER_MS;
}
