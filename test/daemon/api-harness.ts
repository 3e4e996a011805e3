import { pino } from 'pino'
import type { SystemPruned, Version } from '../../src/control/api/system.ts'
import { createApi } from '../../src/daemon/api/api.ts'
import type { Api } from '../../src/daemon/api/routes.ts'
import { Streams } from '../../src/daemon/api/streams.ts'
import { MemoryControlPlane } from './memory-control-plane.ts'

export const VERSION: Version = {
  Version: '1.2.3',
  ApiVersion: '1',
  Pid: 7,
  Root: '/nowhere',
  Backend: 'epoll',
  StartedAt: '2026-01-02T03:04:05.678Z',
  Networks: 3,
  Sandboxes: 0,
  SandboxesRunning: 0,
}

export const PRUNED: SystemPruned = {
  Namespaces: ['tw-1'],
  Processes: [1],
  Sandboxes: [],
  NetworksDeleted: [],
  RootsSpared: [],
}

/** The API over a control plane in memory. */
export class ApiHarness {
  readonly control = new MemoryControlPlane()
  readonly streams: Streams
  readonly options
  shutdowns = 0

  constructor({ streamsMax, heartbeatMs }: { streamsMax?: number; heartbeatMs?: number } = {}) {
    this.streams = new Streams(streamsMax)
    this.options = {
      control: this.control,
      streams: this.streams,
      log: pino({ level: 'silent' }),
      heartbeatMs,
      daemon: {
        version: () => VERSION,
        metrics: async () => ({ text: 'up 1\n', contentType: 'text/plain; version=0.0.4; charset=utf-8' }),
        prune: async () => PRUNED,
        shutdown: () => {
          this.shutdowns += 1
        },
      },
    }
  }

  api(): Api {
    return createApi(this.options)
  }

  /** With a network `net` and a sandbox `box`. */
  async furnished(): Promise<this> {
    await this.control.createNetwork({ Name: 'net' })
    await this.control.createSandbox('box', { Cmd: ['sleep', '1'] })
    await this.control.createService({ Name: 'shop', Endpoints: ['box'] })
    this.control.calls.length = 0
    return this
  }
}
