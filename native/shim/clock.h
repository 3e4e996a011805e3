#ifndef TAPWIRE_SHIM_CLOCK_H
#define TAPWIRE_SHIM_CLOCK_H

#include <stdint.h>

#define TIME_TEXT_SIZE 40

/* Now, RFC 3339 with nanoseconds, UTC. */
void clock_text(char text[TIME_TEXT_SIZE]);

/* Milliseconds that only ever grow. */
int64_t clock_ms(void);

#endif
