#ifndef TAPWIRE_PACKET_SOCKET_H
#define TAPWIRE_PACKET_SOCKET_H

#include "failure.h"

#include <stdbool.h>
#include <stdint.h>

struct packet_socket_options {
	const char *namespace_path; /* NULL: the namespace that the process is in */
	const char *interface; /* less than INTERFACE_NAME_ROOM bytes */
	bool promiscuous;
	bool without_own; /* what is for the interface's own address is the machine's alone */
	uint32_t receive_buffer;
	uint32_t send_buffer;
	uint32_t frame_max; /* longer frames are left to the host */
};

/* What the interface was when it was opened. */
struct packet_socket_facts {
	int32_t ifindex;
	uint8_t mac[6];
	int32_t mtu;
};

/* Opens a packet socket on an Ethernet interface that is up. Returns its descriptor, or -1 with `failure` filled in. */
int packet_socket_open(const struct packet_socket_options *options, struct packet_socket_facts *facts,
                       struct failure *failure);

#endif
