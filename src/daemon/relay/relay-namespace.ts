import { MTU_DEFAULT } from '../../limits.ts'
import { openSocket } from '../../ports/namespace-sockets.ts'
import { PrivateNamespace } from '../../ports/private-namespace.ts'
import type { TapOptions } from '../../ports/tap.ts'
import { run } from '../program.ts'

/** What the relay's end of the link to the router has. */
export interface RelayAddresses {
  readonly address: string
  readonly prefixLength: number
  /** The router's end; undefined where all targets are on the link. */
  readonly router: string | undefined
}

/** Of RELAY_SUBNET. */
export const RELAY_ADDRESSES = {
  address: '169.254.77.2',
  prefixLength: 30,
  router: '169.254.77.1',
} as const satisfies RelayAddresses

/** The interface of the link, in the relay's namespace. */
export const RELAY_INTERFACE = 'relay0'

/**
 * Where the relay's own connections come from: a namespace with nothing in it but a TAP that leads to the router.
 *
 *     relay ── socket ── relay0 (a TAP) ── data path ── router ── the target's network
 *
 * So no route of the machine, and none of its addresses, has a part in how a target is reached.
 */
export class RelayNamespace {
  readonly #namespace = new PrivateNamespace()
  readonly #addresses: RelayAddresses

  /** Throws where namespaces cannot be made. */
  constructor(addresses: RelayAddresses = RELAY_ADDRESSES) {
    this.#addresses = addresses
  }

  /** The TAP that the data path opens as a port, before `configure`. */
  get tap(): TapOptions & { readonly namespace: string } {
    return { namespace: this.#namespace.path, name: RELAY_INTERFACE, mtu: MTU_DEFAULT }
  }

  /** Gives the TAP, which is open, its address and the namespace its routes. */
  async configure(): Promise<void> {
    const { address, prefixLength, router } = this.#addresses
    const commands = [
      `address replace ${address}/${prefixLength} dev ${RELAY_INTERFACE}`,
      `link set ${RELAY_INTERFACE} up`,
      ...(router === undefined ? [] : [`route replace default via ${router} dev ${RELAY_INTERFACE}`]),
    ]
    // Without an IPv6 address its kernel has nothing to say of itself, which every capture would begin with. A kernel without IPv6
    // has no such setting.
    await this.#ip([`link set ${RELAY_INTERFACE} addrgenmode none`]).catch(() => undefined)
    await this.#ip(commands)
  }

  async #ip(commands: readonly string[]): Promise<void> {
    await run('nsenter', [`--net=${this.#namespace.path}`, 'ip', '-batch', '-'], commands.join('\n'))
  }

  /** The descriptor of a new socket in the namespace. */
  openSocket(protocol: 'tcp' | 'udp'): number {
    return openSocket({ namespace: this.#namespace.path, protocol })
  }

  close(): void {
    this.#namespace.close()
  }
}
