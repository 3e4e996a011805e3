#define _GNU_SOURCE
#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of linux/mount.h, which older C libraries cannot have beside sys/mount.h. */
#define TREE_CLONE 1
#define TREE_CLOEXEC O_CLOEXEC
#define TREE_RECURSIVE 0x8000
#define MOVE_FROM_DESCRIPTOR 0x00000004
#define OPEN_CLOEXEC 1
#define CONFIG_CREATE 6
#define MOUNT_CLOEXEC 1
#define MOUNT_NOSUID 0x00000002
#define MOUNT_NODEV 0x00000004
#define MOUNT_NOEXEC 0x00000008

/* Of linux/stat.h since Linux 5.8; a kernel that does not know it never says so. */
#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x00002000
#endif

/* Mounts right below /sys that are put back on the new one. Machines have five to ten. */
#define SUBMOUNTS_MAX 64

#define NAMESPACE_NAMES "/run/netns"

static bool fail(struct failure *failure, const char *step)
{
	*failure = (struct failure){ step, errno };
	return false;
}

/* ---------------------------------------------------------------------------------------------- network */

static bool raise_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control < 0)
		return false;
	const int result = ioctl(control, SIOCSIFFLAGS, &request);
	const int error = errno;
	close(control);
	errno = error;
	return result == 0;
}

static bool join_network(const char *path)
{
	/* O_NONBLOCK: the path may lead to anything, and a named pipe would wait for its writer. */
	const int namespace = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (namespace < 0)
		return false;
	const int result = setns(namespace, CLONE_NEWNET);
	const int error = errno;
	close(namespace);
	errno = error;
	return result == 0;
}

static bool enter_network(const char *network, struct failure *failure)
{
	if (strcmp(network, "host") == 0)
		return true;
	if (strcmp(network, "own") != 0)
		return join_network(network) || fail(failure, "join-network");
	if (unshare(CLONE_NEWNET) < 0)
		return fail(failure, "make-network");
	return raise_loopback() || fail(failure, "raise-loopback");
}

/* ------------------------------------------------------------------------------------------------- /sys */

struct submounts {
	size_t count;
	struct {
		char *path;
		int tree;
	} entries[SUBMOUNTS_MAX];
};

/* mountinfo writes blank, tab, newline and backslash as three octal digits (proc(5)). */
static void unescape(char *text)
{
	char *to = text;
	for (const char *from = text; *from != '\0'; from++) {
		if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' && from[2] <= '7' && from[3] >= '0' &&
		    from[3] <= '7') {
			*to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
			from += 3;
		} else
			*to++ = *from;
	}
	*to = '\0';
}

struct mount_line {
	int id;
	int parent;
	char *path; /* in the line */
};

/* `36 35 98:0 /root /path options …` */
static bool parse_mount(char *line, struct mount_line *mount)
{
	int at = 0;
	if (sscanf(line, "%d %d %*s %*s %n", &mount->id, &mount->parent, &at) < 2 || at == 0)
		return false;
	mount->path = line + at;
	mount->path[strcspn(mount->path, " \n")] = '\0';
	unescape(mount->path);
	return true;
}

/* Calls back for every mount of this namespace, in the kernel's order, which has a mount behind the one that it is on. */
static bool each_mount(void (*visit)(const struct mount_line *mount, void *context), void *context)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;
	struct mount_line mount;
	if (mounts == NULL)
		return false;
	while (getline(&line, &room, mounts) >= 0)
		if (parse_mount(line, &mount))
			visit(&mount, context);
	free(line);
	fclose(mounts);
	return true;
}

static void note_sys(const struct mount_line *mount, void *context)
{
	if (strcmp(mount->path, "/sys") == 0)
		*(int *)context = mount->id;
}

struct below {
	int parent;
	struct submounts *found;
};

/* Takes hold of the mount, with what is mounted on it in turn, before /sys goes. */
static void take_submount(const struct mount_line *mount, void *context)
{
	const struct below *below = context;
	struct submounts *found = below->found;
	if (mount->parent != below->parent || strcmp(mount->path, "/sys") == 0 || found->count == SUBMOUNTS_MAX)
		return;
	char *path = strdup(mount->path);
	const int tree =
		(int)syscall(SYS_open_tree, AT_FDCWD, mount->path, TREE_CLONE | TREE_CLOEXEC | TREE_RECURSIVE);
	if (path != NULL && tree >= 0) {
		found->entries[found->count].path = path;
		found->entries[found->count++].tree = tree;
		return;
	}
	free(path);
	if (tree >= 0)
		close(tree);
}

static bool attach(int mount, const char *path)
{
	return syscall(SYS_move_mount, mount, "", AT_FDCWD, path, MOVE_FROM_DESCRIPTOR) == 0;
}

static void put_back(struct submounts *submounts, bool replaced, void (*warn)(const char *, int))
{
	for (size_t index = 0; index < submounts->count; index++) {
		char *path = submounts->entries[index].path;
		const int tree = submounts->entries[index].tree;
		if (replaced && !attach(tree, path))
			warn(path, errno);
		close(tree);
		free(path);
	}
}

/* A sysfs that is mounted nowhere yet: its descriptor, or -1. */
static int make_sysfs(void)
{
	const int context = (int)syscall(SYS_fsopen, "sysfs", OPEN_CLOEXEC);
	if (context < 0)
		return -1;
	int mount = -1;
	if (syscall(SYS_fsconfig, context, CONFIG_CREATE, NULL, NULL, 0) == 0)
		mount = (int)syscall(SYS_fsmount, context, MOUNT_CLOEXEC, MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC);
	const int error = errno;
	close(context);
	errno = error;
	return mount;
}

/*
 * /sys/class/net shows the interfaces of the network namespace that the sysfs was made in. The machine's goes only when
 * the new one is there; where it may not go, it is covered.
 */
static void mount_sys(void (*warn)(const char *, int))
{
	struct submounts submounts = { 0 };
	const int sysfs = make_sysfs();
	int sys = -1;
	if (sysfs < 0) {
		warn("/sys", errno);
		return;
	}
	if (each_mount(note_sys, &sys) && sys >= 0)
		each_mount(take_submount, &(struct below){ sys, &submounts });
	(void)umount2("/sys", MNT_DETACH);
	const bool replaced = attach(sysfs, "/sys");
	if (!replaced)
		warn("/sys", errno);
	close(sysfs);
	put_back(&submounts, replaced, warn);
}

/* ----------------------------------------------------------------------------------------------- mounts */

static void mount_namespace_names(void (*warn)(const char *, int))
{
	if (mkdir(NAMESPACE_NAMES, 0755) < 0 && errno != EEXIST)
		warn(NAMESPACE_NAMES, errno);
	else if (mount("tmpfs", NAMESPACE_NAMES, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=755,size=1m") < 0)
		warn(NAMESPACE_NAMES, errno);
}

static void mount_binds(struct sandbox *sandbox, void (*warn)(const char *, int))
{
	for (size_t index = 0; index < sandbox->bind_count; index++) {
		struct bind *bind = &sandbox->binds[index];
		bind->bound = mount(bind->source, bind->target, NULL, MS_BIND, NULL) == 0;
		if (!bind->bound)
			warn(bind->target, errno);
	}
}

int namespaces_watch(void)
{
	return open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
}

/* Also true of what somebody in the sandbox has mounted there instead: that is the user's will. */
static bool is_in_place(const struct bind *bind)
{
	struct statx source, target;
	if (statx(AT_FDCWD, bind->source, 0, STATX_INO, &source) < 0)
		return true;
	if (statx(AT_FDCWD, bind->target, 0, STATX_INO, &target) < 0)
		return false;
	const bool same = source.stx_ino == target.stx_ino && source.stx_dev_major == target.stx_dev_major &&
	                  source.stx_dev_minor == target.stx_dev_minor;
	return same || (target.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

bool namespaces_rebind(const struct sandbox *sandbox)
{
	bool all = true;
	for (size_t index = 0; index < sandbox->bind_count; index++) {
		const struct bind *bind = &sandbox->binds[index];
		if (bind->bound && !is_in_place(bind))
			all &= mount(bind->source, bind->target, NULL, MS_BIND, NULL) == 0;
	}
	return all;
}

bool namespaces_enter(struct sandbox *sandbox, void (*warn)(const char *, int), struct failure *failure)
{
	if (!enter_network(sandbox->network, failure))
		return false;
	if (unshare(CLONE_NEWNS | CLONE_NEWUTS) < 0)
		return fail(failure, "make-namespaces");
	if (sethostname(sandbox->hostname, strlen(sandbox->hostname)) < 0)
		return fail(failure, "set-hostname");
	/* What the machine mounts from now on is seen; what the sandbox mounts stays its own. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return fail(failure, "separate-mounts");
	if (strcmp(sandbox->network, "host") != 0)
		mount_sys(warn);
	mount_namespace_names(warn);
	mount_binds(sandbox, warn);
	return true;
}
