/*
 * An interface that others own as a port: a packet socket, whose frames carry the virtio-net header that a TAP's do, so
 * that super-frames come in one piece, and go out for the device to cut.
 *
 * Nothing may be queued before the filter stands and the header is agreed on: the socket is born for no protocol, and
 * receives from bind on.
 *
 * No PACKET_QDISC_BYPASS: the interface's own traffic and ours share its queue fairly, and tcpdump sees both.
 */
#define _GNU_SOURCE
#include "packet_socket.h"

#include "namespace.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* linux/if_packet.h of Linux 4.20. */
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

static int look_at(int fd, const char *interface, struct packet_socket_facts *facts, struct failure *failure)
{
	struct ifreq ifr = { 0 };
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", interface);
	if (ioctl(fd, SIOCGIFINDEX, &ifr) < 0)
		return fail(failure, "find-interface");
	facts->ifindex = ifr.ifr_ifindex;
	if (ioctl(fd, SIOCGIFMTU, &ifr) < 0)
		return fail(failure, "find-interface");
	facts->mtu = ifr.ifr_mtu;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) < 0)
		return fail(failure, "find-interface");
	if (ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
		errno = EPROTONOSUPPORT;
		return fail(failure, "check-type");
	}
	memcpy(facts->mac, ifr.ifr_hwaddr.sa_data, sizeof(facts->mac));
	return 0;
}

/* Beyond net.core.rmem_max where we may, else as far as that allows: a wish. */
static void set_buffers(int fd, const struct packet_socket_options *options)
{
	int receive = (int)options->receive_buffer, send = (int)options->send_buffer;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive, sizeof(receive));
	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send, sizeof(send));
}

static int set_option(int fd, int name, int value)
{
	return setsockopt(fd, SOL_PACKET, name, &value, sizeof(value));
}

/*
 * What is not for us stays outside. A VLAN tag that the device has stripped stands beside the frame, where read(2) does not
 * show it: the frame of another VLAN would look like one of the untagged. A frame longer than a slot would be cut off.
 */
static int attach_filter(int fd, const struct packet_socket_options *options)
{
	/* Frames between other stations, which come while anybody has the interface promiscuous. */
	uint32_t not_ours = options->promiscuous ? PACKET_OUTGOING : PACKET_OTHERHOST;
	uint32_t machines = options->without_own ? PACKET_HOST : PACKET_OUTGOING;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, not_ours, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, machines, 3, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, options->frame_max, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int join(int fd, int ifindex)
{
	struct packet_mreq membership = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC };
	return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof(membership));
}

/* An interface that is down takes the bind, and says so as the socket's first error. */
static int bind_to(int fd, int ifindex)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	int error = 0;
	socklen_t size = sizeof(error);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

static int configure(int fd, const struct packet_socket_options *options, struct packet_socket_facts *facts,
                     struct failure *failure)
{
	if (look_at(fd, options->interface, facts, failure) < 0)
		return -1;
	set_buffers(fd, options);
	if (set_option(fd, PACKET_VNET_HDR, 1) < 0)
		return fail(failure, "set-header");
	if (set_option(fd, PACKET_IGNORE_OUTGOING, 1) < 0)
		return fail(failure, "ignore-outgoing");
	if (attach_filter(fd, options) < 0)
		return fail(failure, "attach-filter");
	if (bind_to(fd, facts->ifindex) < 0)
		return fail(failure, "bind");
	if (options->promiscuous && join(fd, facts->ifindex) < 0)
		return fail(failure, "set-promiscuous");
	return 0;
}

static int open_here(const struct packet_socket_options *options, struct packet_socket_facts *facts,
                     struct failure *failure)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fail(failure, "open-socket");
	if (configure(fd, options, facts, failure) == 0)
		return fd;
	close(fd);
	return -1;
}

int packet_socket_open(const struct packet_socket_options *options, struct packet_socket_facts *facts,
                       struct failure *failure)
{
	if (options->namespace_path == NULL)
		return open_here(options, facts, failure);
	int home = namespace_enter(options->namespace_path, failure);
	if (home < 0)
		return -1;
	int fd = open_here(options, facts, failure);
	namespace_leave(home);
	return fd;
}
