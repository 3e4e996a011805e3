#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection *connection_open(int socket)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	if (connection == NULL)
		return NULL;
	connection->socket = socket;
	connection->input = malloc(FRAME_MAX);
	if (connection->input != NULL)
		return connection;
	free(connection);
	return NULL;
}

void connection_free(struct connection *connection)
{
	if (connection->process != NULL) {
		process_close(connection->process);
		free(connection->process);
	}
	close(connection->socket);
	queue_clear(&connection->output);
	queue_clear(&connection->plan);
	free(connection->input);
	free(connection);
}

void connection_send(struct connection *connection, enum frame_type type, const void *payload, size_t length)
{
	if (connection->closing || connection->gone)
		return;
	if (!frame_append(&connection->output, type, payload, length))
		connection->gone = true;
}

void connection_send_number(struct connection *connection, enum frame_type type, uint32_t number)
{
	uint8_t payload[4];
	write_u32(payload, number);
	connection_send(connection, type, payload, sizeof(payload));
}

void connection_fail(struct connection *connection, int exit_code, const char *text)
{
	uint8_t payload[1025];
	const size_t length = strnlen(text, sizeof(payload) - 1);
	payload[0] = (uint8_t)exit_code;
	memcpy(payload + 1, text, length);
	connection_send(connection, FRAME_FAILED, payload, 1 + length);
}

void connection_send_exit(struct connection *connection, int exit_code)
{
	connection_send_number(connection, FRAME_EXIT, (uint32_t)exit_code);
	connection->closing = true;
	connection->have = 0;
}

void connection_receive(struct connection *connection)
{
	/* What comes behind the last frame is read, so that closing the socket is no reset, and forgotten. */
	if (connection->closing)
		connection->have = 0;
	/* Requests that wait fill it: a receive of nothing would look like the end. */
	if (connection->have == FRAME_MAX)
		return;
	const ssize_t length =
		recv(connection->socket, connection->input + connection->have, FRAME_MAX - connection->have, MSG_DONTWAIT);
	if (length > 0)
		connection->have += (size_t)length;
	else if (length == 0)
		connection->input_ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		connection->gone = true;
}

void connection_flush(struct connection *connection)
{
	struct queue *output = &connection->output;
	while (output->length > 0) {
		const ssize_t sent =
			send(connection->socket, queue_front(output), output->length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0) {
			connection->gone = true;
			return;
		}
		queue_consume(output, (size_t)sent);
	}
	if (connection->closing && !connection->shut) {
		shutdown(connection->socket, SHUT_WR);
		connection->shut = true;
	}
}
