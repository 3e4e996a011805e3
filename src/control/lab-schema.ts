/**
 * The lab file's format. From this one description come the check of a file, its types, and the JSON schema by which
 * editors complete and explain it (docs/lab.schema.json).
 *
 * What concerns more than one value (an address and its subnet, a network's name and who uses it) is in lab-resolve.ts.
 */
import { z } from 'zod'
import { LAB_NAME_MAX } from '../limits.ts'
import { clusterSchema } from './lab-schema-cluster.ts'
import { linkFileSchema } from './lab-schema-link.ts'
import { networkSchema } from './lab-schema-network.ts'
import { sandboxSchema } from './lab-schema-sandbox.ts'
import { serviceName, serviceSchema } from './lab-schema-service.ts'
import { anyKeyOf, mtu, name, nameUpTo, sandboxName, subnet4, uplink } from './lab-schema-values.ts'

/** A lab file has at least one of them. */
export const LAB_PARTS = ['networks', 'sandboxes', 'services', 'hosts'] as const

const networks = z
  .record(name, networkSchema.nullable(), { error: 'a map from names to networks' })
  .meta({ description: 'The networks by name.' })

const sandboxes = z
  .record(sandboxName, sandboxSchema, { error: 'a map from names to sandboxes' })
  .meta({ description: 'The sandboxes by name.' })

const services = z
  .record(serviceName, serviceSchema, { error: 'a map from names to services' })
  .meta({ description: 'The services by name.' })

const uplinkWithLink = z.strictObject(
  {
    via: uplink.meta({ description: 'The uplink itself.', examples: ['nic:eth0'] }),
    link: linkFileSchema.optional(),
  },
  { error: 'a map of the settings via and link' },
)

export const uplinkSchema = z
  .union([uplink.meta({ description: 'The uplink, as it is.' }), uplinkWithLink], {
    error: 'an uplink, such as nic:eth0, or a map of the settings via and link',
  })
  .meta({
    description:
      "The way out of the host's networks: nic:eth0 is its place on its first link, whose address it shares, and on which its sandboxes' ports are published. As a map it has a link as well, which impairs it. Default: none.",
    examples: ['nic:eth0', 'nic', { via: 'nic:eth0', link: { delay: '50ms' } }],
  })

const hostSchema = z
  .strictObject(
    {
      networks: networks.optional(),
      sandboxes: sandboxes.optional(),
      services: services.optional(),
      uplink: uplinkSchema.optional(),
    },
    { error: 'a map of the settings networks, sandboxes, services and uplink, or empty' },
  )
  .meta({
    description:
      'A host: a sandbox in which a daemon of its own runs, with networks and sandboxes of its own. `tapwire -H LAB/HOST` reaches it.',
  })

/** Short, since the path of its socket has the lab's name and its own. A host is a sandbox, which has two letters at least. */
const hostName = nameUpTo(LAB_NAME_MAX, 2)

const BETWEEN_ERROR = 'a list of two hosts or more'

const linkSchema = z
  .strictObject(
    {
      between: z
        .array(z.string({ error: "a host's name" }), { error: BETWEEN_ERROR })
        .min(2, { error: BETWEEN_ERROR })
        .meta({
          description: 'The hosts: a link between two is a cable, and one between more is a LAN.',
          examples: [['left', 'right']],
        }),
      name: name.optional().meta({
        description:
          'The name of the network that it is. Default: the names of the hosts, with hyphens between.',
        examples: ['lan'],
      }),
      subnet: subnet4.optional().meta({
        description:
          "The link's IPv4 subnet. Default: the lowest /24 from 10.0.0.0/24 on that no other link or network of the lab has.",
        examples: ['10.0.0.0/24'],
      }),
      mtu: mtu
        .optional()
        .meta({ description: 'The largest IP packet that a frame may carry, in bytes.', default: 1500 }),
      link: linkFileSchema.optional(),
    },
    { error: 'a map of the settings between, name, subnet, mtu and link' },
  )
  .meta({ description: 'A link between hosts: a network of the outer daemon that joins them all.' })

export const labFileSchema = z
  .strictObject(
    {
      name: nameUpTo(LAB_NAME_MAX)
        .optional()
        .meta({
          description:
            "The lab's name, by which `down`, `save` and `graph` know it. Default: the file's name without .yaml.",
          examples: ['demo'],
        }),
      networks: networks
        .refine(notEmpty, { error: 'a map with at least one network, such as `web:`' })
        .meta({ description: 'The networks by name.', minProperties: 1 })
        .optional(),
      sandboxes: sandboxes
        .refine(notEmpty, { error: 'a map with at least one sandbox, such as `alice: { networks: [web] }`' })
        .meta({ description: 'The sandboxes by name.', minProperties: 1 })
        .optional(),
      services: services
        .refine(notEmpty, {
          error: 'a map with at least one service, such as `web: { network: web, replicas_of: app=web }`',
        })
        .meta({
          description:
            "The services by name, on networks of the lab or of its cluster; those on a cluster's network are on all hosts.",
          minProperties: 1,
        })
        .optional(),
      hosts: z
        .record(hostName, hostSchema.nullable(), { error: 'a map from names to hosts' })
        .refine(notEmpty, { error: 'a map with at least one host' })
        .meta({
          description: 'Hosts by name: sandboxes that have networks and sandboxes of their own.',
          minProperties: 1,
        })
        .optional(),
      links: z
        .array(linkSchema, { error: 'a list of links, such as `- between: [left, right]`' })
        .meta({ description: 'Links between hosts.' })
        .optional(),
      cluster: clusterSchema.nullable().optional().meta({
        description:
          'Makes one cluster of the hosts, with networks that are on all of them: overlays. Empty, it is as by default.',
      }),
    },
    { error: 'a map with the keys networks and sandboxes' },
  )
  .meta({
    title: 'Tapwire lab',
    description: 'Networks, and sandboxes joined to them, as `tapwire up` builds them.',
    anyOf: anyKeyOf(LAB_PARTS),
  })

function notEmpty(map: object): boolean {
  return Object.keys(map).length > 0
}
