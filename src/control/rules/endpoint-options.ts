/** The options that an endpoint's driver takes, as typed values, and what is wrong with them. */

export interface EndpointOptions {
  /** The whole name of the interface. */
  readonly interfaceName?: string | undefined
  /** `net.ipv4.conf.IFNAME.forwarding` to `1`; IFNAME stands for the interface. */
  readonly sysctls: Readonly<Record<string, string>>
  readonly advertiseCount: number
  readonly advertiseIntervalMs: number
  readonly offload: boolean
}

/** Typed values of options that checkEndpointOptions finds nothing wrong with. */
export function endpointOptions(options: Readonly<Record<string, string>>): EndpointOptions {
  throw new Error('to be written')
}

/** What is wrong, a sentence each. */
export function checkEndpointOptions(options: Readonly<Record<string, string>>): readonly string[] {
  throw new Error('to be written')
}

/** The sysctls for an interface that has its name: `net.ipv4.conf.eth0.forwarding`. For RunningSandbox.setSysctls. */
export function interfaceSysctls(
  options: EndpointOptions,
  interfaceName: string,
): Readonly<Record<string, string>> {
  throw new Error('to be written')
}
