import { closeSync } from 'node:fs'
import type { Socket } from 'node:net'
import { ipv4Number } from '../../control/fabric/router-translation.ts'
import type { DnsAsker } from '../../datapath/dns/dns-settings.ts'
import { DNS_MESSAGE_MAX, DNS_PORT, RELAY_DOMAIN } from '../../limits.ts'
import { openListener } from '../../ports/namespace-sockets.ts'
import type { RelayAttachment } from '../relay/relay-attachment.ts'
import { RELAY_ADDRESSES } from '../relay/relay-namespace.ts'
import type { ConnectionShares } from './connection-shares.ts'
import type { DatapathDns } from './datapath-dns.ts'
import { type TcpClient, TcpNameServer } from './tcp-name-server.ts'

export interface GatewayTcpServerParts {
  readonly nameServer: Pick<DatapathDns, 'setService'>
  readonly relay: Pick<RelayAttachment, 'connect' | 'namespace'>
  readonly shares: ConnectionShares
  answer(asker: DnsAsker, message: Uint8Array, limit: number): Promise<Uint8Array | undefined>
  readonly warn: (message: string) => void
}

/**
 * Questions by TCP to the gateways: the router leads the connections here, to the relay's namespace, with their sources as they are.
 *
 *     sandbox ── gateway:53 ── router ── relay0 ── 169.254.77.2:53, this server
 */
export class GatewayTcpServer {
  readonly #server: TcpNameServer

  /** Throws where the relay cannot be connected, or the port cannot be had. */
  static async open(parts: GatewayTcpServerParts): Promise<GatewayTcpServer> {
    await parts.relay.connect()
    const { address } = RELAY_ADDRESSES
    const descriptor = openListener({
      namespace: parts.relay.namespace,
      protocol: 'tcp',
      address,
      port: DNS_PORT,
    })
    try {
      const service = { address: ipv4Number(address), port: DNS_PORT, domain: RELAY_DOMAIN }
      await parts.nameServer.setService(service)
    } catch (error) {
      closeSync(descriptor)
      throw error
    }
    return new GatewayTcpServer(parts, descriptor)
  }

  private constructor(parts: GatewayTcpServerParts, descriptor: number) {
    const { shares, warn } = parts
    const client = (socket: Socket): TcpClient | undefined => {
      const { remoteAddress, remotePort } = socket
      if (remoteAddress === undefined || remotePort === undefined) return undefined
      const asker = { address: ipv4Number(remoteAddress), port: remotePort }
      return {
        name: remoteAddress,
        answer: (message) => parts.answer(asker, message, DNS_MESSAGE_MAX),
      }
    }
    this.#server = new TcpNameServer({ descriptor, shares, warn, client })
  }

  close(): void {
    this.#server.close()
  }
}
