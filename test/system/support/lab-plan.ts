import type { Lab, LabEndpoint } from '../../../src/control/lab.ts'
import { newLabName } from './scene.ts'

/** A lab in as few words as a test needs. Every network is 10.77.0.0/24 or the next one after it. */
export interface LabPlan {
  readonly networks: Readonly<Record<string, { readonly mtu?: number; readonly transparent?: boolean }>>
  readonly sandboxes: Readonly<Record<string, SandboxPlan>>
  /** Gives every network the same subnet, and the sandboxes of each the same addresses and MACs. */
  readonly sameSubnets?: boolean
}

export interface SandboxPlan {
  readonly on: readonly string[]
  readonly command?: readonly string[]
  readonly offload?: boolean
}

const PREFIX_LENGTH = 24
const MTU = 1500

/** The first sandbox on a network gets .2 there, the second .3, and so on. */
export function labOf(plan: LabPlan, name = newLabName()): Lab {
  const members = new Map(Object.keys(plan.networks).map((network) => [network, 0]))
  const networks = [...members.keys()]
  const subnet = (network: string): number => (plan.sameSubnets === true ? 0 : networks.indexOf(network))
  const endpoint = (network: string, index: number): LabEndpoint => {
    const host = members.get(network)! + 2
    members.set(network, host - 1)
    return {
      network,
      interface: `eth${index}`,
      address: `10.77.${subnet(network)}.${host}`,
      prefixLength: PREFIX_LENGTH,
      mac: `02:42:0a:4d:${hex(subnet(network))}:${hex(host)}`,
      aliases: [],
      gwPriority: 0,
      options: {},
    }
  }
  return {
    name,
    networks: Object.entries(plan.networks).map(([network, { mtu, transparent }]) => ({
      name: network,
      driver: 'bridge',
      subnets: [
        {
          subnet: `10.77.${subnet(network)}.0/${PREFIX_LENGTH}`,
          gateway: `10.77.${subnet(network)}.1`,
          aux: {},
        },
      ],
      internal: false,
      options: {},
      labels: {},
      mtu: mtu ?? MTU,
      transparent: transparent ?? false,
    })),
    sandboxes: Object.entries(plan.sandboxes).map(([sandbox, { on, command, offload }]) => ({
      name: sandbox,
      networkMode: 'networks',
      endpoints: on.map(endpoint).map((one) => ({
        ...one,
        options: offload === false ? { 'tapwire.offload': 'false' } : {},
      })),
      command: command === undefined ? undefined : [...command],
      environment: [],
      dns: [],
      dnsSearch: [],
      dnsOptions: [],
      extraHosts: [],
      labels: {},
      ports: [],
      expose: [],
      stopSignal: 'SIGTERM',
      stopTimeoutS: 10,
    })),
    hosts: [],
    links: [],
  }
}

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')
