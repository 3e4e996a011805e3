#ifndef TAPWIRE_SHIM_FRAMES_H
#define TAPWIRE_SHIM_FRAMES_H

#include "queue.h"

#define FRAME_HEADER 8
#define FRAME_PAYLOAD_MAX 65536
#define FRAME_MAX (FRAME_HEADER + FRAME_PAYLOAD_MAX)

/* README.md, "Frames". */
enum frame_type {
	FRAME_STDIN,
	FRAME_STDOUT,
	FRAME_STDERR,
	FRAME_RESIZE,
	FRAME_EXIT,
	FRAME_SIGNAL,
	FRAME_START,
	FRAME_ATTACH,
	FRAME_EXEC,
	FRAME_STARTED,
	FRAME_FAILED,
	FRAME_STATE,
	FRAME_SYSCTL,
	FRAME_DONE,
	FRAME_LASTWORDS,
	FRAME_TYPES,
};

struct frame {
	enum frame_type type;
	const uint8_t *payload; /* in the bytes that were parsed */
	size_t length;
};

enum frame_result { FRAME_WHOLE, FRAME_INCOMPLETE, FRAME_MALFORMED };

/* The frame that `bytes` begin with. */
enum frame_result frame_parse(const uint8_t *bytes, size_t length, struct frame *frame);

/* False where there is no memory; nothing is appended then. */
bool frame_append(struct queue *queue, enum frame_type type, const void *payload, size_t length);

uint32_t read_u32(const uint8_t *bytes);
uint16_t read_u16(const uint8_t *bytes);
void write_u32(uint8_t *bytes, uint32_t value);

#endif
