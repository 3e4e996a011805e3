/** The sandbox's /etc/resolv.conf. */

export interface ResolvConf {
  /** `bridge` is the built-in network; `user-defined` is any other; `host` is the machine's own. */
  readonly kind: 'bridge' | 'user-defined' | 'host'
  /** The machine's own file. */
  readonly hostResolvConf: string
  /** Whether the sandbox has IPv6 on a network. */
  readonly ipv6: boolean
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
}

/** The whole text. */
export function resolvConf(file: ResolvConf): string {
  throw new Error('to be written')
}
