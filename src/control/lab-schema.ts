/**
 * The lab file's format. From this one description come the check of a file, its types, and the JSON schema by which
 * editors complete and explain it (docs/lab.schema.json). Each `error` completes the sentence "… must be".
 *
 * What concerns more than one value (an address and its subnet, a network's name and who uses it) is in lab-resolve.ts.
 */
import { z } from 'zod'
import { LAB_NAME_MAX, MTU_DEFAULT, MTU_MAX, MTU_MIN, NAME_MAX } from '../limits.ts'

/** Of networks, sandboxes and labs: they become parts of namespace names, paths and, one day, DNS names. */
export const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/

function nameUpTo(max: number) {
  const error = `1 to ${max} small letters, digits and hyphens, no hyphen at either end`
  return z.string({ error }).max(max, { error }).regex(NAME_PATTERN, { error })
}

const subnet = z.cidrv4({ error: 'an IPv4 subnet in CIDR notation, such as 10.1.0.0/24' })
const address = z.ipv4({ error: 'an IPv4 address, such as 10.1.0.10' })
const truth = z.boolean({ error: 'true or false' })

const mtuError = `a whole number from ${MTU_MIN} to ${MTU_MAX}`
const mtu = z.int({ error: mtuError }).min(MTU_MIN, { error: mtuError }).max(MTU_MAX, { error: mtuError })

const macError = 'a MAC address of six bytes, such as 02:00:00:00:00:0a'
const mac = z.string({ error: macError }).regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, { error: macError })

/** A NUL byte would end the argument early: execve(2) takes C strings. */
const wordError = 'text without NUL bytes'
const word = z.string({ error: wordError }).refine((text) => !text.includes('\0'), { error: wordError })

export const networkSchema = z
  .strictObject(
    {
      subnet: subnet.optional().meta({
        description:
          "The network's IPv4 subnet in CIDR notation. Default: the lowest /24 from 10.1.0.0/24 on that no other network of the lab has.",
        examples: ['10.1.0.0/24'],
      }),
      mtu: mtu.optional().meta({
        description: 'The largest IP packet that a frame may carry, in bytes.',
        default: MTU_DEFAULT,
        examples: [1500, 9000],
      }),
      gateway: address.optional().meta({
        description:
          "The address that is kept free for the network's router. Default: the subnet's first address.",
        examples: ['10.1.0.1'],
      }),
      transparent: truth.optional().meta({
        description:
          'Forward the frames of link-local protocols as well (STP, LLDP, LACP: 01:80:c2:00:00:0X), which a bridge otherwise drops.',
        default: false,
      }),
    },
    { error: 'a map of the settings subnet, mtu, gateway and transparent, or empty' },
  )
  .meta({ description: 'A network: one bridge domain, isolated from all others.' })

export const endpointSchema = z
  .strictObject(
    {
      address: address.optional().meta({
        description:
          "The sandbox's fixed address on this network. Default: the lowest free one of the subnet.",
        examples: ['10.1.0.10'],
      }),
      mac: mac.optional().meta({
        description: "The interface's MAC address. Default: 02:42 and the four bytes of the IPv4 address.",
        examples: ['02:00:00:00:00:0a'],
      }),
    },
    { error: 'a map of the settings address and mac, or empty' },
  )
  .meta({ description: "The sandbox's interface on one network." })

const joinedNetwork = z.string({ error: "a network's name" })

export const sandboxSchema = z
  .strictObject(
    {
      networks: z
        .union(
          [
            z.array(joinedNetwork).meta({ description: 'Names of networks; the first one becomes eth0.' }),
            z
              .record(joinedNetwork, endpointSchema.nullable())
              .meta({ description: 'Networks with settings for each; the first one becomes eth0.' }),
          ],
          { error: 'a list of network names, or a map from network names to their settings' },
        )
        .meta({
          description:
            'The networks that the sandbox joins, in the order of its interfaces eth0, eth1, and so on. An empty list leaves it with its loopback interface alone.',
          examples: [['web'], { web: { address: '10.1.0.10' } }],
        }),
      command: z
        .union(
          [
            word
              .min(1, { error: 'a command; leave it out to run none' })
              .meta({ description: 'A line for /bin/sh -c.' }),
            z
              .array(word)
              .min(1, { error: 'a program and its arguments; leave it out to run none' })
              .meta({ description: 'A program and its arguments.' }),
          ],
          { error: 'a list of a program and its arguments, or one line for /bin/sh' },
        )
        .optional()
        .meta({
          description:
            "Runs in the sandbox as long as the lab is up, in the lab file's folder. A list is a program and its arguments; a text is run by /bin/sh -c.",
          examples: [['python3', '-m', 'http.server'], 'while sleep 1; do date; done'],
        }),
      offload: truth.optional().meta({
        description:
          "Let the sandbox's kernel leave checksums and segmentation to the switch, for speed. With false, each frame is what it would be on a wire.",
        default: true,
      }),
    },
    { error: 'a map of the settings networks, command and offload' },
  )
  .meta({ description: 'A sandbox: one network namespace, and maybe a program that runs in it.' })

export const labFileSchema = z
  .strictObject(
    {
      name: nameUpTo(LAB_NAME_MAX)
        .optional()
        .meta({
          description:
            "The lab's name, which the names of its namespaces and its folder under /run/tapwire start with. Default: the file's name without .yaml.",
          examples: ['demo'],
        }),
      networks: z
        .record(nameUpTo(NAME_MAX), networkSchema.nullable(), {
          error: 'a map from names to networks',
        })
        .refine(notEmpty, { error: 'a map with at least one network, such as `web:`' })
        .meta({ description: 'The networks by name.', minProperties: 1 }),
      sandboxes: z
        .record(nameUpTo(NAME_MAX), sandboxSchema, {
          error: 'a map from names to sandboxes',
        })
        .refine(notEmpty, { error: 'a map with at least one sandbox, such as `alice: { networks: [web] }`' })
        .meta({ description: 'The sandboxes by name.', minProperties: 1 }),
    },
    { error: 'a map with the keys networks and sandboxes' },
  )
  .meta({
    title: 'Tapwire lab',
    description: 'Networks, and sandboxes joined to them, as `tapwire up` builds them.',
  })

function notEmpty(map: object): boolean {
  return Object.keys(map).length > 0
}

export type NetworkFile = z.infer<typeof networkSchema>
export type EndpointFile = z.infer<typeof endpointSchema>
export type SandboxFile = z.infer<typeof sandboxSchema>
