#define _GNU_SOURCE
#include "gather.h"

#include "checksum.h"

#include <errno.h>
#include <string.h>

/* As in frame-memory.ts. */
#define ALIGN_WORDS 4
#define HEADER_WORDS 2
#define PIECE_WORDS 3
#define FLAG_GATHER 0x80
/* Where a gathered frame says where its record is, before its offset. */
#define GATHER_WORD (VIRTIO_NET_HEADER_SIZE + 6)

static struct gather *find(const struct frame_io *io, uint32_t at)
{
	uint64_t first = (uint64_t)at * ALIGN_WORDS, words = io->options.gather_words;
	if (first + HEADER_WORDS > words)
		return NULL;
	struct gather *gather = (struct gather *)((int32_t *)(io->memory + io->options.gathers) + first);
	if (gather->segment_size < 0 || gather->count < 1 ||
	    first + HEADER_WORDS + (uint64_t)gather->count * PIECE_WORDS > words)
		return NULL;
	return gather;
}

/* Where the field is: UDP's is said by the complement. */
static uint32_t field_of(const struct piece *piece)
{
	return (uint32_t)(piece->checksum < 0 ? ~piece->checksum : piece->checksum);
}

static bool pieces_fit(const struct frame_io *io, const struct gather *gather)
{
	for (int32_t i = 0; i < gather->count; i++) {
		const struct piece *piece = &gather->pieces[i];
		if (!frames_have(io, (uint32_t)piece->offset, (uint32_t)piece->length))
			return false;
		if (piece->checksum != 0 && !frames_have(io, field_of(piece), sizeof(uint16_t)))
			return false;
	}
	return true;
}

/* As a network interface would: what stands in the field is the sum of what else it covers. */
static void complete(const struct frame_io *io, struct piece *piece)
{
	uint32_t at = field_of(piece), start = (uint32_t)piece->offset, end = start + (uint32_t)piece->length;
	uint8_t *field = io->memory + at;
	bool inside = at >= start && at + sizeof(uint16_t) <= end;
	uint32_t before = inside ? 0 : (uint32_t)field[0] << 8 | field[1];
	uint16_t result = (uint16_t)~checksum_fold(checksum_sum(io->memory + start, (uint32_t)piece->length) + before);
	if (piece->checksum < 0 && result == 0)
		result = UINT16_MAX;
	field[0] = (uint8_t)(result >> 8);
	field[1] = (uint8_t)result;
	piece->checksum = 0;
}

struct gather *gather_take(const struct frame_io *io, uint32_t at)
{
	struct gather *gather = find(io, at);
	if (gather == NULL || !pieces_fit(io, gather))
		return NULL;
	for (int32_t i = 0; i < gather->count; i++) {
		if (gather->pieces[i].checksum != 0)
			complete(io, &gather->pieces[i]);
	}
	return gather;
}

uint64_t gather_size(const struct gather *gather)
{
	uint64_t size = 0;
	for (int32_t i = 0; i < gather->count; i++)
		size += (uint32_t)gather->pieces[i].length;
	return size;
}

int gather_next(const struct frame_io *io, struct gather_cursor *cursor, uint32_t size, struct iovec *to, uint32_t room)
{
	uint32_t count = 0;
	while (size > 0) {
		const struct piece *piece = &cursor->gather->pieces[cursor->piece];
		uint32_t left = (uint32_t)piece->length - cursor->used;
		uint32_t part = left < size ? left : size;
		if (part > 0) {
			if (count == room)
				return -EMSGSIZE;
			to[count].iov_base = io->memory + piece->offset + cursor->used;
			to[count++].iov_len = part;
		}
		size -= part;
		cursor->used += part;
		if (cursor->used == (uint32_t)piece->length) {
			cursor->piece++;
			cursor->used = 0;
		}
	}
	return (int)count;
}

bool gather_wanted(const struct frame_io *io, const struct descriptor *from)
{
	return io->memory[(uint32_t)from->offset - VIRTIO_NET_HEADER_SIZE] & FLAG_GATHER;
}

int gather_frame(const struct frame_io *io, const struct descriptor *from, uint8_t *header, struct iovec *to, uint32_t room)
{
	uint32_t at, word = (uint32_t)from->offset - GATHER_WORD, before = 0;
	if (!frames_have(io, word, sizeof(at)))
		return -EFAULT;
	memcpy(&at, io->memory + word, sizeof(at));
	const struct gather *gather = gather_take(io, at);
	if (gather == NULL || (uint32_t)gather->pieces[0].length < VIRTIO_NET_HEADER_SIZE)
		return -EFAULT;
	uint64_t size = gather_size(gather) - VIRTIO_NET_HEADER_SIZE;
	if (size > io->options.slot_size)
		return -EMSGSIZE;
	if (io->ports[from->port].virtio) {
		memcpy(header, io->memory + gather->pieces[0].offset, VIRTIO_NET_HEADER_SIZE);
		header[0] &= (uint8_t)~FLAG_GATHER;
		to[before++] = (struct iovec){ .iov_base = header, .iov_len = VIRTIO_NET_HEADER_SIZE };
	}
	struct gather_cursor cursor = { .gather = gather, .used = VIRTIO_NET_HEADER_SIZE };
	if (cursor.used == (uint32_t)gather->pieces[0].length)
		cursor = (struct gather_cursor){ .gather = gather, .piece = 1 };
	int count = gather_next(io, &cursor, (uint32_t)size, to + before, room - before);
	return count < 0 ? count : count + (int)before;
}
