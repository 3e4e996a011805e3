#include "frames.h"

uint32_t read_u32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

uint16_t read_u16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

void write_u32(uint8_t *bytes, uint32_t value)
{
	bytes[0] = (uint8_t)(value >> 24);
	bytes[1] = (uint8_t)(value >> 16);
	bytes[2] = (uint8_t)(value >> 8);
	bytes[3] = (uint8_t)value;
}

enum frame_result frame_parse(const uint8_t *bytes, size_t length, struct frame *frame)
{
	if (length < FRAME_HEADER)
		return FRAME_INCOMPLETE;
	uint32_t size = read_u32(bytes + 4);
	if (bytes[0] >= FRAME_TYPES || (bytes[1] | bytes[2] | bytes[3]) != 0 || size > FRAME_PAYLOAD_MAX)
		return FRAME_MALFORMED;
	if (length - FRAME_HEADER < size)
		return FRAME_INCOMPLETE;
	*frame = (struct frame){ (enum frame_type)bytes[0], bytes + FRAME_HEADER, size };
	return FRAME_WHOLE;
}

bool frame_append(struct queue *queue, enum frame_type type, const void *payload, size_t length)
{
	uint8_t header[FRAME_HEADER] = { (uint8_t)type };
	write_u32(header + 4, (uint32_t)length);
	size_t before = queue->length;
	if (!queue_append(queue, header, sizeof(header)))
		return false;
	if (queue_append(queue, payload, length))
		return true;
	queue->length = before;
	return false;
}
