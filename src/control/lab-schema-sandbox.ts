/** What a lab file says of a sandbox, and of its place on each network. */

import { z } from 'zod'
import { linkFileSchema } from './lab-schema-link.ts'
import {
  address,
  address4,
  address6,
  anyKeyOf,
  mac,
  name,
  textMap,
  truth,
  userLabelMap,
  word,
  words,
} from './lab-schema-values.ts'

const priorityError = 'a whole number'

export const endpointSchema = z
  .strictObject(
    {
      address: address4.optional().meta({
        description:
          "The sandbox's fixed address on this network. Default: the lowest free one of the subnet.",
        examples: ['10.1.0.10'],
      }),
      ipv6: address6.optional().meta({
        description:
          "The sandbox's fixed IPv6 address on this network. Default: the lowest free one, where the network has IPv6.",
        examples: ['fd00:1::10'],
      }),
      mac: mac.optional().meta({
        description: "The interface's MAC address. Default: 02:42 and the four bytes of the IPv4 address.",
        examples: ['02:00:00:00:00:0a'],
      }),
      aliases: z
        .array(name, { error: 'a list of names' })
        .optional()
        .meta({ description: 'Further names of the sandbox on this network.', examples: [['db']] }),
      gw_priority: z.int({ error: priorityError }).optional().meta({
        description: 'The network with the highest one gives the default route.',
        default: 0,
      }),
      options: textMap.optional().meta({
        description: "The driver's options for this endpoint.",
        examples: [{ 'tapwire.offload': 'false' }],
      }),
      link: linkFileSchema.optional(),
    },
    { error: 'a map of settings, such as { address: 10.1.0.10 }, or empty' },
  )
  .meta({ description: "The sandbox's interface on one network." })

const joinedNetwork = z.string({ error: "a network's name" })

/** Completes the sentence "networks must be". */
export const NETWORKS_FORM = 'a list of network names, or a map from network names to their settings'

const networks = z
  .union(
    [
      z.array(joinedNetwork).meta({ description: 'Names of networks; the first one becomes eth0.' }),
      z
        .record(joinedNetwork, endpointSchema.nullable())
        .meta({ description: 'Networks with settings for each; the first one becomes eth0.' }),
    ],
    { error: NETWORKS_FORM },
  )
  .meta({
    description:
      'The networks that the sandbox joins, in the order of its interfaces eth0, eth1, and so on. An empty list leaves it with its loopback interface alone.',
    examples: [['web'], { web: { address: '10.1.0.10' } }],
  })

const modeError = 'none, host, bridge, or container:NAME'

const networkMode = z
  .string({ error: modeError })
  .regex(/^(none|host|bridge|container:.+)$/, { error: modeError })
  .meta({
    description:
      "In place of networks: none (its loopback interface alone), host (the daemon's own network), bridge (the default bridge), or container:NAME (shares the network of another sandbox).",
    examples: ['none', 'container:alice'],
  })

const command = z
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
  .meta({
    description:
      "Runs in the sandbox as long as the lab is up, in the lab file's folder. A list is a program and its arguments; a text is run by /bin/sh -c.",
    examples: [['python3', '-m', 'http.server'], 'while sleep 1; do date; done'],
  })

const assignmentError = 'text of the form NAME=value'
const environment = z
  .union(
    [
      textMap,
      z.array(
        word.refine((assignment) => /^[^=]+=/.test(assignment), { error: assignmentError }),
        { error: 'a list' },
      ),
    ],
    { error: 'a map from names to values, or a list of NAME=value' },
  )
  .meta({
    description: "The command's environment variables.",
    examples: [{ LANG: 'C.UTF-8' }, ['LANG=C.UTF-8']],
  })

const hostError = 'text of the form name:address'
const extraHosts = z
  .union(
    [
      z.record(word.min(1), word, { error: 'a map' }),
      z.array(
        word.refine((host) => /^[^:]+:.+$/.test(host), { error: hostError }),
        { error: 'a list' },
      ),
    ],
    { error: 'a map from names to addresses, or a list of name:address' },
  )
  .meta({ description: "Further lines of the sandbox's /etc/hosts.", examples: [{ printer: '10.1.0.9' }] })

const ports = z.array(word.min(1), { error: 'a list of ports, such as "8080:80"' })

const secondsError = 'a whole number of seconds'

const settings = {
  command: command.optional(),
  environment: environment.optional(),
  working_dir: word
    .min(1, { error: 'a folder' })
    .optional()
    .meta({ description: "The folder that the command runs in. Default: the lab file's folder." }),
  hostname: word.min(1).optional().meta({ description: "Default: the sandbox's name." }),
  domainname: word.min(1).optional().meta({ description: 'The domain of the host name.' }),
  dns: z.array(address, { error: 'a list of addresses' }).optional().meta({
    description: "Name servers that are asked for what is no sandbox's name, in place of the machine's.",
  }),
  dns_search: words.optional().meta({
    description: "Domains that are put behind a name in turn (resolv.conf's search); a dot for none.",
  }),
  dns_opt: words
    .optional()
    .meta({ description: "Options of the sandbox's resolv.conf.", examples: [['ndots:2']] }),
  extra_hosts: extraHosts.optional(),
  labels: userLabelMap
    .optional()
    .meta({ description: 'Labels, to find the sandbox by.', examples: [{ tier: 'front' }] }),
  ports: ports.optional().meta({
    description: 'Published ports, [[ADDRESS:]PORT:]SANDBOX PORT[/PROTOCOL].',
    examples: [['8080:80', '127.0.0.1:5353:53/udp']],
  }),
  expose: ports
    .optional()
    .meta({ description: 'Ports that the sandbox serves, published or not.', examples: [['80', '53/udp']] }),
  stop_signal: word
    .min(1)
    .optional()
    .meta({ description: 'Asks the command to end.', default: 'SIGTERM', examples: ['SIGINT'] }),
  stop_timeout: z
    .int({ error: secondsError })
    .min(0, { error: secondsError })
    .optional()
    .meta({ description: 'Seconds between the stop signal and SIGKILL.', default: 10 }),
  offload: truth.optional().meta({
    description:
      "Let the sandbox's kernel leave checksums and segmentation to the switch, for speed. With false, each frame is what it would be on a wire.",
    default: true,
  }),
}

export const sandboxSchema = z
  .strictObject(
    { networks: networks.optional(), network_mode: networkMode.optional(), ...settings },
    { error: 'a map of settings, such as { networks: [web] }' },
  )
  .meta({
    description: 'A sandbox: namespaces of its own, and maybe a program that runs in them.',
    anyOf: anyKeyOf(['networks', 'network_mode']),
  })

export type EndpointFile = z.infer<typeof endpointSchema>
export type SandboxFile = z.infer<typeof sandboxSchema>
