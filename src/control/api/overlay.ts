/** Networks that go on behind a tunnel, and the hosts that they go on to, on the API. */

import { z } from 'zod'

const text = z.string()
const count = z.int().min(0)
const traffic = z.object({ frames: count, bytes: count })

/** GET /overlay/peers */
export const overlayPeersSchema = z.object({
  peers: z.array(
    z.object({
      network: text,
      vni: count,
      /** What the other host is called: its name in the cluster, or the address where nobody has named it. */
      host: text,
      /** Of its tunnel endpoint. */
      address: text,
      /** Port of the switch. */
      port: count,
      /** Bytes of an inner IP packet that the way to it takes. */
      mtu: count,
      /** Seconds since its last frame; absent before the first. */
      idleS: z.number().min(0).optional(),
      /** Endpoints behind it that somebody has told of, and stations that the switch knows. */
      endpoints: count,
      stations: count,
      /** From it, and to it: frames of the network. */
      received: traffic,
      transmitted: traffic,
      dropped: count,
    }),
  ),
})
export type OverlayPeers = z.infer<typeof overlayPeersSchema>

/** GET /overlay/networks */
export const overlayNetworksSchema = z.object({
  networks: z.array(
    z.object({
      network: text,
      driver: text,
      vni: count,
      /** The address of this host that is sent from; empty while there is none. */
      local: text,
      udpPort: count,
      /** Bytes of IP packet that interfaces on the network take. */
      mtu: count,
      peers: count,
      /** Why nothing passes; empty where it does. */
      problem: text,
    }),
  ),
})
export type OverlayNetworks = z.infer<typeof overlayNetworksSchema>
