/** Tunnels of the machine's own network namespace, and the networks that go on behind them. */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import type {
  FabricPeerFacts,
  FabricPeerState,
  FabricTunnelFacts,
  FabricTunnelNews,
  FabricTunnelState,
  FabricTunnels,
} from '../../control/model/tunnels.ts'
import type { Datapath } from '../datapath.ts'
import type { Log } from '../log.ts'

export class Tunnels implements FabricTunnels {
  constructor(_datapath: Datapath, _log: Pick<Log, 'info' | 'warn'>) {}
  async openTunnel(..._: unknown[]): Promise<FabricTunnelFacts> {
    throw new TapwireError(ErrorCode.tunnelUnusable, 'this data path has no tunnels yet')
  }
  async closeTunnel(..._: unknown[]): Promise<void> {}
  async setOverlay(..._: unknown[]): Promise<void> {}
  async addPeer(..._: unknown[]): Promise<FabricPeerFacts> {
    return { mtu: undefined }
  }
  async removePeer(..._: unknown[]): Promise<void> {}
  async setRemote(..._: unknown[]): Promise<void> {}
  async peers(): Promise<readonly FabricPeerState[]> {
    return []
  }
  tunnels(): readonly FabricTunnelState[] {
    return []
  }
  async localAddressTo(..._: unknown[]): Promise<string | undefined> {
    return undefined
  }
  onTunnel(_listener: (news: FabricTunnelNews) => void): () => void {
    return () => undefined
  }
}
