#ifndef TAPWIRE_SHIM_QUEUE_H
#define TAPWIRE_SHIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that wait. Whoever appends looks at `length` first, and so bounds it. An empty queue has no memory. */
struct queue {
	uint8_t *bytes;
	size_t start;
	size_t length;
	size_t room;
};

static inline const uint8_t *queue_front(const struct queue *queue)
{
	return queue->bytes + queue->start;
}

/* False where there is no memory; the queue is then as it was. */
bool queue_append(struct queue *queue, const void *bytes, size_t length);
void queue_consume(struct queue *queue, size_t length);
void queue_clear(struct queue *queue);

#endif
