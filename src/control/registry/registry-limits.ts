/** Every maximum of the registry and of what a host is told of its cluster. */

/**
 * What one transaction of the registry has at most: conditions, and operations, as etcd takes by default (--max-txn-ops); bytes of keys and
 * values, which as base64 with what is around each stay below etcd's 1.5 MiB (--max-request-bytes), that counts them plain. And bytes of a key.
 */
export const REGISTRY_TRANSACTION_OPERATIONS_MAX = 128
export const REGISTRY_TRANSACTION_SIZE_MAX = 1024 * 1024
export const REGISTRY_KEY_SIZE_MAX = 4096
/** Servers in the address of a cluster: etcd advises against more than seven members. */
export const REGISTRY_ADDRESSES_MAX = 16
/** Connections to one server of the registry, beside those of watches: a daemon asks for one thing after the other, and keeps its leases. */
export const REGISTRY_CONNECTIONS_MAX = 8
/** Entries that are asked for at once, and entries of a list in all: addresses and endpoints of a cluster of a thousand hosts. */
export const REGISTRY_PAGE_ENTRIES = 1000
export const REGISTRY_ENTRIES_MAX = 1_000_000
/** Bytes of one answer: the entries of a page have some hundred each. One alone, of the largest there can be, has room. */
export const REGISTRY_ANSWER_SIZE_MAX = 32 * 1024 * 1024
/** Bytes of a line of a watch, which etcd asked for fragments makes some 1.5 MiB long, as base64 a third more; and events that it tells of at once. */
export const REGISTRY_LINE_SIZE_MAX = 16 * 1024 * 1024
export const REGISTRY_EVENTS_MAX = 262_144
/** UDP ports that tunnels are received at: as Docker has them, below those that tunnels are sent from (RFC 7348, 5). */
export const DATA_PATH_PORT_MIN = 1024
export const DATA_PATH_PORT_MAX = 49_151
/** Seconds that the lease lives which doctor tries a registry with, should it be cut off before it gives it back. */
export const DOCTOR_LEASE_S = 5
