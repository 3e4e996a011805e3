/** What a lab file says of a network. */

import { z } from 'zod'
import { DNS_TTL_S_DEFAULT, MTU_DEFAULT } from '../limits.ts'
import {
  address,
  address4,
  dnsPlace,
  dnsTtl,
  mtu,
  optionMap,
  subnet,
  subnet4,
  truth,
  userLabelMap,
  word,
} from './lab-schema-values.ts'

const aux = z
  .record(word.min(1), address, { error: 'a map from names to addresses' })
  .optional()
  .meta({
    description: 'Addresses that others have, by name: they are given to no sandbox.',
    examples: [{ printer: '10.1.0.9' }],
  })

const rangeDescription =
  'Addresses that are not fixed come out of this part of the subnet. Default: all of it.'
const gatewayDescription =
  "The router's address on the network, the gateway of its sandboxes. Default: the subnet's first address."

const subnetSettings = z.strictObject(
  {
    subnet: subnet.meta({
      description: 'A subnet in CIDR notation, IPv4 or IPv6.',
      examples: ['10.1.0.0/24', 'fd00:1::/64'],
    }),
    range: subnet.optional().meta({ description: rangeDescription, examples: ['10.1.0.128/25'] }),
    gateway: address.optional().meta({ description: gatewayDescription, examples: ['10.1.0.1'] }),
    aux,
  },
  { error: 'a subnet in CIDR notation, or a map of the settings subnet, range, gateway and aux' },
)

export const networkSchema = z
  .strictObject(
    {
      driver: word.min(1, { error: 'the name of a driver' }).optional().meta({
        description:
          'What makes the network: bridge is the switch with a gateway, macvlan a piece of the LAN that the machine is on, vxlan goes on to other hosts by a tunnel, and overlay to all hosts of the cluster.',
        default: 'bridge',
      }),
      subnet: subnet4.optional().meta({
        description:
          "The network's IPv4 subnet in CIDR notation. Default: the lowest /24 from 10.1.0.0/24 on that no other network of the lab has.",
        examples: ['10.1.0.0/24'],
      }),
      range: subnet4.optional().meta({ description: rangeDescription, examples: ['10.1.0.128/25'] }),
      gateway: address4.optional().meta({ description: gatewayDescription, examples: ['10.1.0.1'] }),
      aux,
      subnets: z
        .array(
          z.union(
            [subnet.meta({ description: 'A subnet in CIDR notation, IPv4 or IPv6.' }), subnetSettings],
            {
              error: 'a subnet in CIDR notation, or a map of the settings subnet, range, gateway and aux',
            },
          ),
          { error: 'a list of subnets' },
        )
        .optional()
        .meta({
          description: 'Several subnets, IPv4 and IPv6, beside or in place of `subnet`.',
          examples: [['10.1.0.0/24', 'fd00:1::/64']],
        }),
      ipv4: truth.optional().meta({
        description: 'Give IPv4 addresses. With false the network has IPv6 alone.',
        default: true,
      }),
      ipv6: truth.optional().meta({
        description:
          'Give IPv6 addresses as well. Default: whether there is an IPv6 subnet. Without one, the lowest /64 from fd00:10:1::/64 on that no other network of the lab has.',
      }),
      internal: truth.optional().meta({
        description: 'No way out of the network: its sandboxes get no default route by it.',
        default: false,
      }),
      mtu: mtu.optional().meta({
        description: 'The largest IP packet that a frame may carry, in bytes.',
        default: MTU_DEFAULT,
        examples: [1500, 9000],
      }),
      transparent: truth.optional().meta({
        description:
          'Forward the frames of link-local protocols as well (STP, LLDP, LACP: 01:80:c2:00:00:0X), which a bridge otherwise drops.',
        default: false,
      }),
      dns: dnsPlace.optional().meta({
        description:
          "Where sandboxes ask for names: at the gateway's address, at 127.0.0.11 in their own namespace (loopback), or nowhere (none). Default: gateway, where the gateway is the switch's and has an IPv4 address, else loopback.",
      }),
      dns_ttl: dnsTtl.optional().meta({
        description: 'Seconds that an address may be remembered for which a name of the network stands.',
        default: DNS_TTL_S_DEFAULT,
      }),
      options: optionMap.optional().meta({
        description: "The driver's options.",
        examples: [
          { 'tapwire.uplink': 'true' },
          { 'tapwire.mac': 'random' },
          { vni: 42, remote: ['192.0.2.2', '192.0.2.3'], local: '192.0.2.1' },
        ],
      }),
      labels: userLabelMap.optional().meta({
        description: 'Labels, to find the network by.',
        examples: [{ tier: 'front' }],
      }),
    },
    { error: 'a map of settings, such as { subnet: 10.1.0.0/24 }, or empty' },
  )
  .meta({ description: 'A network: one bridge domain, isolated from all others.' })

export type NetworkFile = z.infer<typeof networkSchema>
