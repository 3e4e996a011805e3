/** An etcd on two free ports of loopback, of Debian's package etcd-server. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Registry } from '../../../src/control/registry/registry.ts'
import { EtcdRegistry } from '../../../src/daemon/etcd/etcd-registry.ts'

const HOST = '127.0.0.1'
const TRIES = 100
const TRY_MS = 100

export interface RunningEtcd {
  connect(): Registry
  stop(): Promise<void>
}

/** Undefined where there is no etcd. */
export async function startEtcd(): Promise<RunningEtcd | undefined> {
  if (spawnSync('etcd', ['--version']).status !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'tapwire-bench-etcd-'))
  const [client, peer] = [await freePort(), await freePort()]
  const url = (port: number): string => `http://${HOST}:${port}`
  const settings: Readonly<Record<string, string>> = {
    'data-dir': folder,
    'listen-client-urls': url(client),
    'advertise-client-urls': url(client),
    'listen-peer-urls': url(peer),
    'initial-advertise-peer-urls': url(peer),
    'initial-cluster': `default=${url(peer)}`,
    'log-level': 'error',
  }
  const args = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
  const child = spawn('etcd', args, { stdio: 'ignore' })
  const connect = (): Registry =>
    new EtcdRegistry({ servers: [{ host: HOST, port: client }], tls: undefined })
  await answering(connect)
  return { connect, stop: () => stop(child, folder) }
}

async function answering(connect: () => Registry): Promise<void> {
  const registry = connect()
  for (let tries = 0; ; tries++) {
    try {
      await registry.list('/')
      return registry.close()
    } catch (error) {
      if (tries === TRIES) throw error
      await wait(TRY_MS)
    }
  }
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  const ended = once(child, 'exit')
  child.kill()
  await ended
  rmSync(folder, { recursive: true, force: true })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}
