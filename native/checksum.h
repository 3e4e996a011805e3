/* The Internet checksum's sum (RFC 1071), as src/wire/checksum.ts has it. */
#ifndef TAPWIRE_CHECKSUM_H
#define TAPWIRE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Sum of the 16-bit words in network order, folded, not complemented. An odd last byte is padded with zero. */
uint16_t checksum_sum(const uint8_t *bytes, size_t size);

static inline uint16_t checksum_fold(uint32_t value)
{
	value = (value & 0xffff) + (value >> 16);
	return (uint16_t)((value & 0xffff) + (value >> 16));
}

#endif
