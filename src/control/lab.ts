import { z } from 'zod'
import { ErrorCode, TapwireError } from './errors.ts'

/**
 * A lab: networks, and sandboxes joined to them by endpoints, as the lab file wants them, with every default
 * filled in and every address assigned. This is what the daemon builds.
 */
export interface Lab {
  /** Names the lab's namespaces, run directory and socket. */
  readonly name: string
  readonly networks: readonly LabNetwork[]
  readonly sandboxes: readonly LabSandbox[]
}

export interface LabNetwork {
  readonly name: string
  /** IPv4 subnet in CIDR notation, `10.1.0.0/24`. */
  readonly subnet: string
  /** Kept free for the network's router. The subnet's first address unless the lab says otherwise. */
  readonly gateway: string
  /** Bytes of IP packet that a frame may carry. */
  readonly mtu: number
  /** Forwards frames to 01:80:c2:00:00:0X (STP, LLDP, LACP), which a bridge otherwise drops. */
  readonly transparent: boolean
}

export interface LabSandbox {
  readonly name: string
  readonly endpoints: readonly LabEndpoint[]
  /** Program and arguments that run in the sandbox, in the lab file's folder, as long as the lab is up. */
  readonly command?: readonly string[] | undefined
  /** False opens the sandbox's TAPs without checksum and segmentation offload, so that each frame is as on a wire. */
  readonly offload: boolean
}

export interface LabEndpoint {
  readonly network: string
  /** Name inside the sandbox: eth0, eth1, … in the order of the lab file. */
  readonly interface: string
  readonly address: string
  readonly prefixLength: number
  readonly mac: string
}

export const labNetworkSchema = z.object({
  name: z.string(),
  subnet: z.string(),
  gateway: z.string(),
  mtu: z.int(),
  transparent: z.boolean(),
})

export const labSchema = z.object({
  name: z.string(),
  networks: z.array(labNetworkSchema),
  sandboxes: z.array(
    z.object({
      name: z.string(),
      endpoints: z.array(
        z.object({
          network: z.string(),
          interface: z.string(),
          address: z.string(),
          prefixLength: z.int(),
          mac: z.string(),
        }),
      ),
      command: z.array(z.string()).min(1).optional(),
      offload: z.boolean(),
    }),
  ),
})

/** Reads a lab that was written with JSON.stringify. `source` names it in the error, LAB_FILE_INVALID. */
export function parseLabJson(text: string, source: string): Lab {
  try {
    return labSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new TapwireError(ErrorCode.labFileInvalid, `${source} holds no lab that Tapwire has written.`, {
      cause,
    })
  }
}
