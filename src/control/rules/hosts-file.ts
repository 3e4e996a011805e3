/** The sandbox's /etc/hosts. */

export interface HostsFile {
  readonly hostname: string
  readonly domainname: string
  /** Whether the sandbox has IPv6 on a network. */
  readonly ipv6: boolean
  /** `name:address`, checked; where the address is `host-gateway`, those of `hostGateway` stand for it. */
  readonly extraHosts: readonly string[]
  readonly hostGateway: readonly string[]
  /** The sandbox's own addresses, in the order of its endpoints. */
  readonly addresses: readonly string[]
  /** Sandboxes that it is linked to and that run. */
  readonly links: readonly LinkedHost[]
}

export interface LinkedHost {
  readonly address: string
  readonly alias: string
  readonly hostname: string
  readonly name: string
}

/** The whole text. */
export function hostsFile(file: HostsFile): string {
  throw new Error('to be written')
}

/** The sandbox of mode host: the machine's own file, with the extra hosts behind it. */
export function hostsFileOfHost(
  hostHosts: string,
  extraHosts: readonly string[],
  hostGateway: readonly string[],
): string {
  throw new Error('to be written')
}

/** `name:address` or `name=address`, IPv6 with or without brackets, in the normal form `name:address`. Throws SANDBOX_INVALID. */
export function parseExtraHost(text: string): string {
  throw new Error('to be written')
}
