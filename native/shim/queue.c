#include "queue.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 4096

static bool make_room(struct queue *queue, size_t length)
{
	if (queue->room - queue->start - queue->length >= length)
		return true;
	size_t room = queue->room < ROOM_MIN ? ROOM_MIN : queue->room;
	while (room - queue->length < length)
		room *= 2;
	uint8_t *bytes = malloc(room);
	if (bytes == NULL)
		return false;
	if (queue->length > 0)
		memcpy(bytes, queue_front(queue), queue->length);
	free(queue->bytes);
	*queue = (struct queue){ .bytes = bytes, .length = queue->length, .room = room };
	return true;
}

bool queue_append(struct queue *queue, const void *bytes, size_t length)
{
	if (length == 0)
		return true;
	if (!make_room(queue, length))
		return false;
	memcpy(queue->bytes + queue->start + queue->length, bytes, length);
	queue->length += length;
	return true;
}

void queue_consume(struct queue *queue, size_t length)
{
	queue->start += length;
	queue->length -= length;
	if (queue->length == 0)
		queue_clear(queue);
}

void queue_clear(struct queue *queue)
{
	free(queue->bytes);
	*queue = (struct queue){ 0 };
}
