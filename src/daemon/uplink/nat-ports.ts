/**
 * The ports that sources are translated to on an address that the machine's kernel has too. Each is reserved with sockets, for TCP and
 * for UDP, so that no program of the machine gets it and the kernel has nothing to say about what arrives there.
 */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { SHARED_NAT_FIRST_PORT, SHARED_NAT_LAST_PORT, SHARED_NAT_PORTS_MIN } from '../../limits.ts'
import { ReservedPorts, ReservedPortsError } from '../../ports/reserved-ports.ts'

export interface NatPorts {
  readonly first: number
  readonly last: number
  /** Gives them back. */
  close(): void
}

/** What keeps a block from being reserved whole. */
export interface NatPortConflict {
  /** The first port that could not be had; those before it can. */
  readonly port: number
  /** Sockets that were open then, where it was for want of descriptors; undefined where the port is taken. */
  readonly descriptors: number | undefined
  readonly message: string
}

/** Reserves a block, or says what is in the way. */
export type ReserveBlock = (first: number, last: number) => NatPorts | NatPortConflict

/**
 * The block, or the largest piece of it that can be had: programs of the machine may have some of its ports. Throws UPLINK_UNUSABLE
 * where that is too small to be of use.
 */
export function reserveNatPorts(
  reserve: ReserveBlock = reserveBlock,
  first: number = SHARED_NAT_FIRST_PORT,
  last: number = SHARED_NAT_LAST_PORT,
): NatPorts {
  const best = { first, size: 0 }
  let why = ''
  for (let from = first; last - from + 1 > best.size; ) {
    const block = reserve(from, last)
    if (!isConflict(block)) return block
    why = block.message
    // Half of the descriptors that there are, two for each port: the other half has its uses, too.
    const size = block.descriptors === undefined ? block.port - from : Math.floor(block.descriptors / 4)
    if (size > best.size) Object.assign(best, { first: from, size })
    if (block.descriptors !== undefined) break
    from = block.port + 1
  }
  const piece = best.size < SHARED_NAT_PORTS_MIN ? undefined : reserve(best.first, best.first + best.size - 1)
  if (piece !== undefined && !isConflict(piece)) return piece
  throw new TapwireError(
    ErrorCode.uplinkUnusable,
    `fewer than ${SHARED_NAT_PORTS_MIN} ports from ${first} to ${last} can be had for connections to the outside: ${why}`,
    {
      hint: 'End the programs that have ports there (`ss -tulnp` lists them), or raise the limit of open files.',
    },
  )
}

function reserveBlock(first: number, last: number): NatPorts | NatPortConflict {
  const reserved: ReservedPorts[] = []
  try {
    for (const protocol of ['tcp', 'udp'] as const) {
      reserved.push(new ReservedPorts({ address: '', protocol, first, last }))
    }
  } catch (error) {
    for (const ports of reserved) ports.close()
    if (!(error instanceof ReservedPortsError)) throw error
    const { port, code, message } = error
    const opened = reserved.length * (last - first + 1) + port - first
    return { port, descriptors: code === 'EMFILE' || code === 'ENFILE' ? opened : undefined, message }
  }
  return {
    first,
    last,
    close: () => {
      for (const ports of reserved) ports.close()
    },
  }
}

const isConflict = (block: NatPorts | NatPortConflict): block is NatPortConflict => 'message' in block
