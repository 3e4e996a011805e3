/** A lab in as few words as a test needs. Every network is 10.77.0.0/24 or the next one after it. */
export interface LabPlan {
  readonly networks: Readonly<Record<string, NetworkPlan>>
  readonly sandboxes: Readonly<Record<string, SandboxPlan>>
}

interface NetworkPlan {
  readonly ipv6?: boolean
  /** The driver's. */
  readonly options?: Readonly<Record<string, string>>
}

/** Of a network whose sandboxes send from addresses that are not theirs. */
export const UNGUARDED: NetworkPlan = { options: { 'tapwire.spoof-guard': 'false' } }

export interface SandboxPlan {
  readonly on: readonly string[]
  readonly command?: readonly string[]
  readonly offload?: boolean
  /** Of all its interfaces. */
  readonly mac?: string
}

/** The lab file that says it, as JSON, which is YAML. The first sandbox on a network gets .2 there, the second .3, and so on. */
export function labFileOf({ networks, sandboxes }: LabPlan, name: string): string {
  return JSON.stringify({
    name,
    networks: mapped(networks, (settings, index) => ({ subnet: `10.77.${index}.0/24`, ...settings })),
    sandboxes: mapped(sandboxes, ({ on, command, offload, mac }) => ({
      networks: Object.fromEntries(on.map((network) => [network, mac === undefined ? {} : { mac }])),
      ...(command === undefined ? {} : { command }),
      ...(offload === undefined ? {} : { offload }),
    })),
  })
}

const mapped = <From, To>(
  from: Readonly<Record<string, From>>,
  map: (value: From, index: number) => To,
): Record<string, To> =>
  Object.fromEntries(Object.entries(from).map(([key, value], index) => [key, map(value, index)]))
