/** Maxima of services; all others are in src/limits.ts. */

/**
 * Services of one engine, and backends of one: each new connection computes a score for every backend, some 5 ns each. Connections that one
 * turn looks at for backends that have gone (0.1 ms), and resets that may wait to be sent.
 */
export const SERVICES_MAX = 4096
export const SERVICE_BACKENDS_MAX = 1024
export const SERVICE_SWEEP_MAX = 4096
export const SERVICE_RESETS_MAX = 65_536
/** Seconds that one waits for an answer to ARP. */
export const SERVICE_RESET_WAIT_S = 4
/** Published ports of one service, each with a socket on every host. */
export const SERVICE_PORTS_MAX = 1024
/** Ports that are given to those who ask for none, as Docker's swarm has them. */
export const SERVICE_FIRST_PORT = 30_000
export const SERVICE_LAST_PORT = 32_767
/** Milliseconds after which what could not be done for a service is tried again. */
export const SERVICE_RETRY_MS = 5000
