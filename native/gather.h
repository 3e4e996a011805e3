/* Transmissions that are put together from pieces: the gather records of src/datapath/frame-memory.ts. */
#ifndef TAPWIRE_GATHER_H
#define TAPWIRE_GATHER_H

#include "frame_io.h"

#include <sys/uio.h>

struct piece {
	int32_t offset;
	int32_t length;
	int32_t checksum;
};

struct gather {
	int32_t segment_size;
	int32_t count;
	struct piece pieces[];
};

/*
 * The record at `at`, with the checksums of its pieces completed. NULL: the record, a piece or a checksum's field does not lie
 * where it may, and nothing was changed.
 */
struct gather *gather_take(const struct frame_io *io, uint32_t at);

/* Bytes of all pieces together. */
uint64_t gather_size(const struct gather *gather);

/* A place in a record. */
struct gather_cursor {
	const struct gather *gather;
	int32_t piece;
	uint32_t used; /* bytes of that piece */
};

/* The next `size` bytes, as vectors; how many these are, or -EMSGSIZE where there is room for fewer. */
int gather_next(const struct frame_io *io, struct gather_cursor *cursor, uint32_t size, struct iovec *to, uint32_t room);

/* Whether the frame of a transmission, whose place has been checked, is to be gathered. */
bool gather_wanted(const struct frame_io *io, const struct descriptor *from);

/*
 * The vectors of a gathered frame to a port of frames: how many, or a negative errno. The virtio-net header is copied to `header`,
 * without the flag that is ours; where the port does not speak it, it is left out.
 */
int gather_frame(const struct frame_io *io, const struct descriptor *from, uint8_t *header, struct iovec *to,
                 uint32_t room);

#endif
