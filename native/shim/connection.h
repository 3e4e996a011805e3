#ifndef TAPWIRE_SHIM_CONNECTION_H
#define TAPWIRE_SHIM_CONNECTION_H

#include "frames.h"
#include "process.h"

/* Bytes that wait for a client to read. Behind them nothing more is made for it: no output is read, no request answered. */
#define OUTPUT_MAX (128 * 1024)

/* One client of the shim. */
struct connection {
	int socket;
	uint8_t *input; /* FRAME_MAX bytes */
	size_t have; /* of them are filled */
	bool input_ended; /* the client sends no more */
	struct queue output;
	bool closing; /* the last frame is in `output` */
	bool shut; /* and everything is sent: waits for the client to close as well */
	bool gone; /* to be forgotten */
	bool attached;
	struct process *process; /* that its `exec` started; NULL where there is none */
	struct winsize size; /* for the next `exec` */
	struct queue plan; /* what has come of it so far */
	bool in_plan;
	enum frame_type plan_type;
};

/* Takes over the socket; NULL where there is no memory. */
struct connection *connection_open(int socket);
void connection_free(struct connection *connection);

void connection_send(struct connection *connection, enum frame_type type, const void *payload, size_t length);
void connection_send_number(struct connection *connection, enum frame_type type, uint32_t number);
void connection_fail(struct connection *connection, int exit_code, const char *text);
/* The last frame. */
void connection_send_exit(struct connection *connection, int exit_code);

static inline bool connection_has_room(const struct connection *connection)
{
	return connection->output.length < OUTPUT_MAX;
}

/* One read from the socket, into the free part of `input`. */
void connection_receive(struct connection *connection);
/* As many writes as the socket takes. */
void connection_flush(struct connection *connection);

#endif
