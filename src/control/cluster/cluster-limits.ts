/** What a host has in its cluster at most, and how long it waits there. */

/** Characters of one value in a cluster's registry: an endpoint with the most labels and names that it may have. */
export const CLUSTER_VALUE_MAX = 256 * 1024

/** VXLAN network identifiers that a cluster chooses begin where Docker's do, behind all VLANs. */
export const CLUSTER_VNI_FIRST = 4096

/**
 * Seconds for which what a host puts in the registry outlives it, and between two signs of life: two may be lost. What ends the wait
 * for an answer is the registry's own.
 */
export const CLUSTER_LEASE_S = 10
export const CLUSTER_KEEP_ALIVE_S = 3

/** Milliseconds after which a host that could not join its cluster, or lost its registry, tries again: at first, and at most. */
export const CLUSTER_RETRY_MS = 500
export const CLUSTER_RETRY_MS_MAX = 10_000

/** Milliseconds that a change waits for its own echo, after which it goes on without. */
export const CLUSTER_ECHO_MS = 1000

/** Addresses that are tried for one endpoint while others take them at the same time. */
export const CLUSTER_CLAIM_TRIES_MAX = 16

/** Own entries of a cluster that are put or taken back at the same time. */
export const CLUSTER_PARALLEL = 8

/** Milliseconds that a host of a lab waits for a network of its cluster which another host has made: to have joined takes it a moment. */
export const CLUSTER_NETWORK_TIMEOUT_MS = 10_000
