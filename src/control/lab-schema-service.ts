/** What a lab file says of a service: one name and one address for several sandboxes of a network. */

import { z } from 'zod'
import { SERVICE_NAME_MAX } from '../limits.ts'
import { address4, name, sandboxName, userLabelMap, word } from './lab-schema-values.ts'

/** It is a label of a domain name (RFC 1123, 2.1). */
const nameError = `1 to ${SERVICE_NAME_MAX} letters, digits, hyphens and underscores, a letter or digit at either end`
export const serviceName = z
  .string({ error: nameError })
  .max(SERVICE_NAME_MAX, { error: nameError })
  .regex(/^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$/, { error: nameError })

const labelError = 'a label of sandboxes, such as app=web, or app for any value'
const label = z
  .string({ error: labelError })
  .regex(/^[^=]/, { error: labelError })
  .refine((text) => !text.includes('\0'), { error: labelError })

const replicasOf = z
  .union(
    [
      label.meta({ description: 'A label: app=web, or app for any value.' }),
      z.array(label).meta({ description: 'Labels: sandboxes with any one of them serve.' }),
    ],
    { error: `${labelError}, or a list of labels` },
  )
  .meta({
    description: "Sandboxes of the service's network with this label serve: they are its backends.",
    examples: ['app=web', ['app=web', 'app=shop']],
  })

const portError = 'a port from 1 to 65535'
const port = z.int({ error: portError }).min(1, { error: portError }).max(65_535, { error: portError })

const portMap = z.strictObject(
  {
    target: port.meta({ description: 'The port of the sandboxes that serve.', examples: [80] }),
    published: port.optional().meta({
      description: 'The port of the machine. Default: one from 30000 to 32767 that is free.',
      examples: [8080],
    }),
    protocol: z
      .enum(['tcp', 'udp'], { error: 'tcp or udp' })
      .optional()
      .meta({ description: 'The protocol.', default: 'tcp' }),
    mode: z.enum(['ingress', 'host'], { error: 'ingress or host' }).optional().meta({
      description:
        'ingress: open on every host of the cluster, and leads to a sandbox on any; host: open where there is a sandbox that serves, and leads to one of those.',
      default: 'ingress',
    }),
  },
  { error: 'a map of the settings target, published, protocol and mode' },
)

const publishedError = 'text such as "8080:80", or a map of the settings target, published, protocol and mode'
const published = z.union(
  [
    word
      .min(1, { error: publishedError })
      .meta({ description: '[PUBLISHED PORT:]PORT OF THE SANDBOXES[/PROTOCOL], of the mode ingress.' }),
    portMap,
  ],
  { error: publishedError },
)

export const serviceSchema = z
  .strictObject(
    {
      network: name.optional().meta({
        description:
          'The network that the service is on, of the lab or its cluster. Default: the only one that sandboxes which serve are on.',
        examples: ['web'],
      }),
      replicas_of: replicasOf.optional(),
      endpoints: z
        .array(sandboxName, { error: 'a list of names of sandboxes' })
        .optional()
        .meta({ description: 'Sandboxes that serve, by name.', examples: [['web1', 'web2']] }),
      endpoint_mode: z.enum(['vip', 'dnsrr'], { error: 'vip or dnsrr' }).optional().meta({
        description:
          'vip: the name leads to a virtual address, and each connection to one of the sandboxes; dnsrr: the name leads to all of them.',
        default: 'vip',
      }),
      address: address4.optional().meta({
        description:
          'The virtual address. Default: the highest free one of the subnet, in the order of the names of services.',
        examples: ['10.1.0.254'],
      }),
      ports: z
        .array(published, { error: 'a list of ports, such as "8080:80"' })
        .optional()
        .meta({
          description: 'Ports of the machine, or of all hosts of the cluster, that lead to the sandboxes.',
          examples: [['8080:80'], [{ target: 53, published: 53, protocol: 'udp', mode: 'host' }]],
        }),
      labels: userLabelMap
        .optional()
        .meta({ description: 'Labels, to find the service by.', examples: [{ tier: 'front' }] }),
    },
    { error: 'a map of settings, such as { network: web, replicas_of: app=web }' },
  )
  .meta({
    description:
      'A service: one name and one address for several sandboxes of a network. Each connection goes to one of them.',
  })

export type ServiceFile = z.infer<typeof serviceSchema>
