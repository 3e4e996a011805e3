/** What a lab file says of the cluster that its hosts are in. */

import { z } from 'zod'
import { LAB_NAME_MAX } from '../limits.ts'
import { networkSchema } from './lab-schema-network.ts'
import { name, nameUpTo } from './lab-schema-values.ts'
import { parseClusterAddress } from './rules/cluster-address.ts'

/** The lab's own registry. */
export const OWN_REGISTRY = 'etcd'

const registryError = 'etcd, an address such as etcd://10.9.0.9:2379, or a map of the setting sandbox'

const registryAddress = z
  .string({ error: registryError })
  .refine((text) => text === OWN_REGISTRY || isClusterAddress(text), { error: registryError })
  .meta({ description: "etcd: one of the lab's own. Otherwise the address of one that is there." })

const sandboxError = `2 to ${LAB_NAME_MAX} small letters, digits and hyphens, no hyphen at either end`
const ownRegistry = z.strictObject(
  {
    // Short, since the path of its folder has the lab's name and its own.
    sandbox: nameUpTo(LAB_NAME_MAX, 2)
      .meta({ description: `The sandbox that it runs in: ${sandboxError}.` })
      .default(OWN_REGISTRY),
  },
  { error: registryError },
)

const networks = z.record(name, networkSchema.nullable(), { error: 'a map from names to networks' }).meta({
  description:
    'The networks that all hosts of the cluster have, by name: sandboxes of every host can join them, with addresses of their own. Their driver is overlay.',
})

export const clusterSchema = z
  .strictObject(
    {
      name: nameUpTo(LAB_NAME_MAX).optional().meta({
        description: "The cluster's name in its registry, which several can share. Default: the lab's name.",
      }),
      registry: z
        .union([registryAddress, ownRegistry], { error: registryError })
        .optional()
        .meta({
          description:
            "Where the hosts keep what they have in common: etcd is one of the lab's own, which `up` starts in a sandbox on the link, at its highest address (it takes the program etcd: Debian's package etcd-server). Default: etcd.",
          examples: ['etcd', 'etcd://10.9.0.9:2379', { sandbox: 'etcd-1' }],
        }),
      link: name.optional().meta({
        description:
          'The link that the hosts reach one another and the registry by. Default: the only one that there is.',
        examples: ['left-right'],
      }),
      networks: networks.optional(),
    },
    { error: 'a map of the settings name, registry, link and networks, or empty' },
  )
  .meta({
    description:
      'Makes a cluster of the hosts: networks of the driver overlay are on all of them, and reach from each to the others by tunnels over the link.',
    examples: [{ networks: { web: { subnet: '10.1.0.0/24' } } }],
  })

export type ClusterFile = z.infer<typeof clusterSchema>

function isClusterAddress(text: string): boolean {
  try {
    parseClusterAddress(text)
    return true
  } catch {
    return false
  }
}
