/*
 * Tunnels as ports: UDP sockets whose payloads are the frames, and peers, which are what is sent to. What is in the payload is no
 * matter of ours. The contract is that of src/datapath/frame-memory.ts.
 */
#ifndef TAPWIRE_TUNNEL_H
#define TAPWIRE_TUNNEL_H

#include "frame_io.h"

#include <netinet/in.h>
#include <sys/socket.h>

/*
 * Where a datagram and what goes with it stand in a slot, behind the headroom: as io_uring's multishot RECVMSG lays it out, and so for both
 * backends. The payload begins at the slot's byte 226, so that the IP header of an inner frame is 8-byte aligned, as that of a frame is.
 *
 *     slot: | facts 32 | ... headroom | what recvmsg says 16 | name 28 | control 54 | payload ...
 */
#define TUNNEL_RECEIVED_SIZE 16
#define TUNNEL_NAME_SIZE 28
#define TUNNEL_CONTROL_SIZE 54
#define TUNNEL_PAYLOAD_AT (TUNNEL_RECEIVED_SIZE + TUNNEL_NAME_SIZE + TUNNEL_CONTROL_SIZE)

struct tunnel {
	bool ipv6;
	uint32_t count;
	int sources[];
};

union address {
	struct sockaddr any;
	struct sockaddr_in ipv4;
	struct sockaddr_in6 ipv6;
};

struct peer {
	uint32_t tunnel_port;
	bool ipv6;
	union address address;
	uint32_t apart;
};

/* 0, or a negative errno, and the descriptors stay the caller's. */
int tunnel_attach(struct frame_io *io, uint32_t port, int fd, const int *sources, uint32_t count);
int tunnel_attach_peer(struct frame_io *io, uint32_t port, uint32_t tunnel_port, const uint8_t address[16], uint16_t udp_port);
/* What belongs to the port beside its descriptor. */
void tunnel_free(struct port *port);

/* What recvmsg(2) said of a datagram in `slot`. */
struct arrival {
	uint32_t slot;
	uint32_t name_size;
	uint32_t control_size;
	uint32_t flags;
	uint32_t size;
};
/* Describes it as the `index`th of the burst: as empty where it is not whole. */
void tunnel_describe(struct frame_io *io, uint32_t index, uint32_t port, const struct arrival *arrival);

#endif
