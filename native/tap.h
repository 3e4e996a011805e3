#ifndef TAPWIRE_TAP_H
#define TAPWIRE_TAP_H

#include "failure.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of an interface's name with its NUL: IFNAMSIZ. */
#define INTERFACE_NAME_ROOM 16

struct tap_options {
	const char *namespace_path; /* NULL: the namespace that the process is in */
	const char *name; /* less than INTERFACE_NAME_ROOM bytes */
	bool has_mac;
	uint8_t mac[6];
	uint32_t mtu;
	uint32_t transmit_queue_length; /* frames that may wait for us in the interface's queue */
	bool virtio;
	bool multi_queue;
	bool persistent;
};

/*
 * Opens a TAP, or takes up a persistent one as it is. Returns its descriptor and says in `taken_up` which of both it was,
 * or returns -1 with `failure` filled in.
 */
int tap_open(const struct tap_options *options, bool *taken_up, struct failure *failure);

/* TUNSETPERSIST: 0, or a negative errno. */
int tap_set_persistent(int fd, bool persistent);

/* TUNSETOFFLOAD: 0, or a negative errno. */
int tap_set_offload(int fd, uint32_t features);

#endif
