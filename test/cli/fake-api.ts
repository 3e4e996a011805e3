import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { Fdb, LabStatus, Stats } from '../../src/control/api.ts'
import type { Lab } from '../../src/control/lab.ts'
import { parseLab } from '../../src/control/lab-file.ts'
import { labPaths } from '../../src/control/run-directory.ts'

export const DEMO = `
networks: { web: , other: }
sandboxes:
  alice: { networks: [web] }
  bob: { networks: [web, other], command: [sleep, '5 5'] }
`

/** What a daemon that has just built `lab` would say of it. */
export function statusOf(lab: Lab, daemon: Pick<LabStatus, 'pid' | 'backend'>): LabStatus {
  let port = 0
  return {
    name: lab.name,
    ...daemon,
    startedAt: '2026-01-01T00:00:00.000Z',
    networks: lab.networks.map(({ name, subnets: [pool], mtu, transparent }) => ({
      name,
      subnet: pool!.subnet,
      gateway: pool!.gateway!,
      mtu,
      transparent,
    })),
    sandboxes: lab.sandboxes.map((sandbox) => ({
      name: sandbox.name,
      namespace: `tw-${lab.name}.${sandbox.name}`,
      state: sandbox.command === undefined ? 'idle' : 'running',
      ...(sandbox.command === undefined ? undefined : { pid: 4242, command: [...sandbox.command] }),
      endpoints: sandbox.endpoints.map(({ network, interface: name, address, prefixLength, mac }) => ({
        network,
        interface: name,
        address: address!,
        prefixLength: prefixLength!,
        mac: mac!,
        port: port++,
        state: 'up',
      })),
    })),
  }
}

export const FDB: Fdb = {
  stations: [
    {
      network: 'web',
      mac: '02:42:0a:01:00:02',
      sandbox: 'alice',
      interface: 'eth0',
      port: 0,
      ageS: 7.9,
      static: false,
    },
    {
      network: 'web',
      mac: '02:42:0a:01:00:03',
      sandbox: 'bob',
      interface: 'eth0',
      port: 1,
      ageS: 0,
      static: true,
    },
  ],
}

/** Counters after `seconds` of one frame of 100 bytes a second from alice to bob, and a dropped one at the start. */
export function statsAfter(seconds: number): Stats {
  return {
    at: 1000 * (1_000_000 + seconds),
    uptimeS: seconds,
    totals: {
      received: seconds + 1,
      forwarded: seconds,
      flooded: 0,
      copies: 0,
      segments: 0,
      transmitted: seconds,
      dropped: 1,
    },
    ports: [
      {
        port: 0,
        network: 'web',
        sandbox: 'alice',
        interface: 'eth0',
        received: { frames: seconds + 1, bytes: seconds * 100 + 10 },
        transmitted: { frames: 0, bytes: 0 },
        dropped: 1,
      },
      {
        port: 1,
        network: 'web',
        sandbox: 'bob',
        interface: 'eth0',
        received: { frames: 0, bytes: 0 },
        transmitted: { frames: seconds, bytes: seconds * 100 },
        dropped: 0,
      },
    ],
    drops: [
      { reason: 'runt-frame', sentence: 'The frame is too short.', frames: 1 },
      { reason: 'same-port', sentence: 'The target lives behind the same port.', frames: 0 },
    ],
  }
}

export interface FakeApi {
  /** By `METHOD /path`: a value to answer with, as JSON, or a function that is asked at each request. */
  readonly answers: Map<string, unknown>
  readonly status: LabStatus
  close(): Promise<void>
}

/**
 * Serves the API of a lab `name`, in this process. The pid is that of this process, unless the lab's folder has a
 * daemon.pid already.
 */
export async function serveFakeApi(run: string, name: string): Promise<FakeApi> {
  const status = statusOf(parseLab(DEMO, `${name}.yaml`), { pid: process.pid, backend: 'io_uring' })
  const answers = new Map<string, unknown>([
    ['GET /lab', status],
    ['GET /fdb', FDB],
    ['GET /stats', statsAfter(60)],
  ])
  const paths = labPaths(run, name)
  mkdirSync(paths.directory, { recursive: true })
  writeFileSync(paths.pid, String(process.pid))
  const server = createServer((request, response) => {
    const answer = answers.get(`${request.method} ${request.url}`)
    const body: unknown = typeof answer === 'function' ? answer() : answer
    if (body === undefined) {
      response.writeHead(404).end(JSON.stringify({ code: 'NOT_FOUND', message: 'There is no such thing.' }))
    } else {
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
  })
  await listen(server, paths.socket)
  return {
    answers,
    status,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}

function listen(server: Server, socket: string): Promise<void> {
  return new Promise((resolve, reject) => server.once('error', reject).listen(socket, resolve))
}
