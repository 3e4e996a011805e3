/*
 * Sixteen bytes at a time: the vectors are GCC's and Clang's own, which every architecture has in some form. Each half of a 64-bit lane
 * is added to an accumulator of 64 bits, so that no carry is lost before 2^32 of them.
 */
#include "checksum.h"

#include <arpa/inet.h>
#include <string.h>

typedef uint64_t lanes __attribute__((vector_size(16)));

uint16_t checksum_sum(const uint8_t *bytes, size_t size)
{
	const lanes low = { UINT32_MAX, UINT32_MAX };
	lanes even = { 0 }, odd = { 0 };
	const uint8_t *end = bytes + size;
	for (; end - bytes >= 32; bytes += 32) {
		lanes a, b;
		memcpy(&a, bytes, sizeof(a));
		memcpy(&b, bytes + sizeof(a), sizeof(b));
		even += (a & low) + (b & low);
		odd += (a >> 32) + (b >> 32);
	}
	even += odd;
	uint64_t sum = even[0] + even[1];
	for (; end - bytes >= 2; bytes += 2) {
		uint16_t word;
		memcpy(&word, bytes, sizeof(word));
		sum += word;
	}
	if (bytes < end) {
		uint8_t padded[2] = { *bytes, 0 };
		uint16_t word;
		memcpy(&word, padded, sizeof(word));
		sum += word;
	}
	sum = (sum & UINT32_MAX) + (sum >> 32);
	sum = (sum & UINT32_MAX) + (sum >> 32);
	/* The order of the bytes can be exchanged at the end (RFC 1071, 2(B)). */
	return ntohs(checksum_fold((uint32_t)(sum & 0xffff) + (uint32_t)(sum >> 16)));
}
