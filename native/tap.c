/*
 * Opening a TAP in another network namespace.
 *
 * A thread may enter a namespace, open a device there and come back: the descriptor stays valid. No JavaScript runs in
 * between, so nothing else of the process sees the detour; where the way back fails, the process ends, because it would
 * otherwise go on in somebody else's network.
 *
 * Where a TAP is born decides how long its namespace lives. The descriptor of /dev/net/tun holds the namespace
 * that it was opened in. Opened in the sandbox's own, it would keep that namespace, and the interface with
 * it, alive for as long as we hold the descriptor: nobody could delete a sandbox but us, and we would never hear of it. So
 * an ordinary TAP is born in a nursery, a namespace that only this process knows, and then moved:
 *
 *     nursery: open, name, MAC, MTU ──RTM_NEWLINK, IFLA_NET_NS_FD──► sandbox: the interface
 *
 * A persistent TAP must be found again by name in the sandbox, which the kernel allows only to descriptors opened there.
 */
#define _GNU_SOURCE
#include "tap.h"

#include "namespace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_mutex_t nursery_lock = PTHREAD_MUTEX_INITIALIZER;
static int nursery_fd = -1;

/* The addon is unloaded with the last thread that uses it, and may be loaded again. */
__attribute__((destructor)) static void close_nursery(void)
{
	if (nursery_fd >= 0)
		close(nursery_fd);
}

/* Makes the nursery at its first use, and leaves the thread in it. */
static int enter_nursery(struct failure *failure)
{
	if (nursery_fd >= 0)
		return setns(nursery_fd, CLONE_NEWNET) < 0 ? fail(failure, "enter-nursery") : 0;
	if (unshare(CLONE_NEWNET) < 0)
		return fail(failure, "make-nursery");
	nursery_fd = namespace_open_own();
	return nursery_fd < 0 ? fail(failure, "make-nursery") : 0;
}

/* ------------------------------------------------------------------------------------------ the interface */

static struct ifreq request(const struct tap_options *options)
{
	struct ifreq ifr;
	memset(&ifr, 0, sizeof(ifr));
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", options->name);
	return ifr;
}

static int configure_link(const struct tap_options *options, struct failure *failure)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control < 0)
		return fail(failure, "configure");
	struct ifreq ifr = request(options);
	int result = 0;
	if (options->has_mac) {
		ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
		memcpy(ifr.ifr_hwaddr.sa_data, options->mac, sizeof(options->mac));
		if (ioctl(control, SIOCSIFHWADDR, &ifr) < 0)
			result = fail(failure, "set-mac");
	}
	ifr = request(options);
	ifr.ifr_mtu = (int)options->mtu;
	if (result == 0 && ioctl(control, SIOCSIFMTU, &ifr) < 0)
		result = fail(failure, "set-mtu");
	ifr = request(options);
	ifr.ifr_qlen = (int)options->transmit_queue_length;
	if (result == 0 && ioctl(control, SIOCSIFTXQLEN, &ifr) < 0)
		result = fail(failure, "set-queue-length");
	close(control);
	return result;
}

static bool link_exists(const struct tap_options *options)
{
	int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq ifr = request(options);
	bool exists = control >= 0 && ioctl(control, SIOCGIFINDEX, &ifr) == 0;
	if (control >= 0)
		close(control);
	return exists;
}

/*
 * Opens the device in the namespace that the thread is in. A persistent one that is there already is taken up as it
 * is: its addresses may have been changed meanwhile, and to set them once more would make its neighbours ask anew.
 */
static int open_device(const struct tap_options *options, bool *taken_up, struct failure *failure)
{
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return fail(failure, "open-device");
	struct ifreq ifr = request(options);
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI;
	if (options->virtio)
		ifr.ifr_flags |= IFF_VNET_HDR;
	if (options->multi_queue)
		ifr.ifr_flags |= IFF_MULTI_QUEUE;
	*taken_up = options->persistent && link_exists(options);
	int result = 0, header_size = 10;
	if (ioctl(fd, TUNSETIFF, &ifr) < 0)
		result = fail(failure, "create");
	else if (options->virtio && ioctl(fd, TUNSETVNETHDRSZ, &header_size) < 0)
		result = fail(failure, "set-header-size");
	else if (!*taken_up)
		result = configure_link(options, failure);
	/* By its owner a persistent TAP of ours is told from one that somebody in the sandbox has made; those have none. */
	if (result == 0 && options->persistent && !*taken_up && ioctl(fd, TUNSETOWNER, geteuid()) < 0)
		result = fail(failure, "set-owner");
	/* Last: a new TAP that could not be made as it should be goes again, with its descriptor. */
	if (result == 0 && ioctl(fd, TUNSETPERSIST, options->persistent ? 1 : 0) < 0)
		result = fail(failure, "set-persistent");
	if (result == 0)
		return fd;
	close(fd);
	return -1;
}

/* ----------------------------------------------------------------------------------------------- the move */

struct move_request {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct nlattr namespace_header;
	uint32_t namespace_fd;
};

static int netlink_answer(int netlink)
{
	char answer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t size = recv(netlink, answer, sizeof(answer), 0);
	if (size < 0)
		return -1;
	const struct nlmsghdr *header = (const struct nlmsghdr *)answer;
	if ((size_t)size < NLMSG_LENGTH(sizeof(struct nlmsgerr)) || header->nlmsg_type != NLMSG_ERROR) {
		errno = EPROTO;
		return -1;
	}
	errno = -((const struct nlmsgerr *)NLMSG_DATA(header))->error;
	return errno == 0 ? 0 : -1;
}

/* RTM_NEWLINK with IFLA_NET_NS_FD moves the interface `ifindex` of this namespace (rtnetlink(7)). */
static int move_link(int netlink, int ifindex, int namespace_fd)
{
	struct move_request message = {
		.header = {
			.nlmsg_len = sizeof(message),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
		.link = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex },
		.namespace_header = {
			.nla_len = sizeof(struct nlattr) + sizeof(uint32_t),
			.nla_type = IFLA_NET_NS_FD,
		},
		.namespace_fd = (uint32_t)namespace_fd,
	};
	if (send(netlink, &message, sizeof(message), 0) < 0)
		return -1;
	return netlink_answer(netlink);
}

static int move_to(const struct tap_options *options, int namespace_fd, struct failure *failure)
{
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (netlink < 0)
		return fail(failure, "move");
	struct ifreq ifr = request(options);
	int result = 0;
	if (ioctl(netlink, SIOCGIFINDEX, &ifr) < 0 || move_link(netlink, ifr.ifr_ifindex, namespace_fd) < 0)
		result = fail(failure, "move");
	close(netlink);
	return result;
}

/* ------------------------------------------------------------------------------------------------ the way */

static int open_moved(const struct tap_options *options, int namespace_fd, bool *taken_up, struct failure *failure)
{
	if (enter_nursery(failure) < 0)
		return -1;
	int fd = open_device(options, taken_up, failure);
	if (fd >= 0 && move_to(options, namespace_fd, failure) < 0) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int open_in(const struct tap_options *options, int namespace_fd, bool *taken_up, struct failure *failure)
{
	if (setns(namespace_fd, CLONE_NEWNET) < 0)
		return fail(failure, "enter-namespace");
	return open_device(options, taken_up, failure);
}

int tap_open(const struct tap_options *options, bool *taken_up, struct failure *failure)
{
	if (options->namespace_path == NULL)
		return open_device(options, taken_up, failure);
	/* O_NONBLOCK: the path may lead to anything, and a named pipe would wait for its writer. */
	int namespace_fd = open(options->namespace_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (namespace_fd < 0)
		return fail(failure, "open-namespace");
	int home = namespace_open_own();
	if (home < 0) {
		close(namespace_fd);
		return fail(failure, "open-namespace");
	}
	pthread_mutex_lock(&nursery_lock);
	int fd = options->persistent ? open_in(options, namespace_fd, taken_up, failure)
	                             : open_moved(options, namespace_fd, taken_up, failure);
	namespace_return(home);
	pthread_mutex_unlock(&nursery_lock);
	close(home);
	close(namespace_fd);
	return fd;
}

int tap_set_persistent(int fd, bool persistent)
{
	return ioctl(fd, TUNSETPERSIST, persistent ? 1 : 0) < 0 ? -errno : 0;
}

int tap_set_offload(int fd, uint32_t features)
{
	return ioctl(fd, TUNSETOFFLOAD, (unsigned long)features) < 0 ? -errno : 0;
}
