/** What the router notes of a connection: eight bits, the lower four of which are of tcp-tracking.ts. */

export const TRACKING_FLAGS = 0x0f
/** Its packets are rewritten. */
export const TRANSLATED = 0x10
/** A service has chosen its backend. */
export const SERVED = 0x20
/** It came from another host's router, and its answers go back there: see services/return-hops.ts. */
export const PINNED = 0x40
