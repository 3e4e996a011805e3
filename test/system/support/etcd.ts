/** An etcd of a test's own, on loopback in a network namespace of the test's own, or in another one that the test made. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { needs, type Skip } from '../../support/requirements.ts'
import { type Place, Program, run } from './program.ts'

export interface EtcdOptions {
  /** The name of a network namespace; the test's own, which is one that it made (insideNamespace), unless given. */
  readonly namespace?: string | undefined
  /** An address of the namespace that it listens at. */
  readonly host?: string
  readonly port?: number
  /** Paths of PEM files. With `ca` it asks clients for their certificate. */
  readonly tls?: { readonly certificate: string; readonly key: string; readonly ca?: string }
  readonly args?: readonly string[]
}

export const needsEtcd = (): Skip => needs('etcd', 'etcdctl', 'nsenter', 'setpriv')

/** It waits for the disk at each change, and a disk that others write to lets it wait for longer than leases live. */
const MEMORY = '/dev/shm'
const PORT = 2379
const NAME = 'one'
const ENVIRONMENT = { ETCDCTL_API: '3' }

export async function startEtcd(options: EtcdOptions = {}): Promise<Etcd> {
  const etcd = new Etcd(options)
  await etcd.restart()
  return etcd
}

export class Etcd {
  readonly host: string
  readonly port: number
  readonly #options: EtcdOptions
  readonly #place: Place
  readonly #folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'tapwire-etcd-'))
  #data = join(this.#folder, 'data')
  #restored = 0
  #program: Program | undefined

  constructor(options: EtcdOptions) {
    this.#options = options
    this.#place = { namespace: options.namespace, environment: ENVIRONMENT }
    this.host = options.host ?? '127.0.0.1'
    this.port = options.port ?? PORT
  }

  /** As `tapwire daemon --cluster` takes it. */
  get endpoint(): string {
    return `${this.#options.tls === undefined ? 'etcd' : 'etcds'}://${this.#server}`
  }

  get pid(): number {
    return this.#running.pid
  }

  /** Everything that it has printed since it was started. */
  get said(): string {
    return this.#running.said
  }

  async kill9(): Promise<void> {
    await this.#program?.stop('SIGKILL')
  }

  /** On the same data. Resolves when it answers. */
  async restart(): Promise<void> {
    await this.kill9()
    this.#program = new Program(this.#place, 'etcd', ...this.#args())
    // The last thing that it says of its start; it listens then, and has a leader.
    await this.#program.printed(/serving client traffic/)
  }

  /** Ends it, and removes what it has kept. */
  async stop(): Promise<void> {
    await this.kill9()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** It has the processor no more, and its connections stay open. */
  pause(): void {
    process.kill(this.pid, 'SIGSTOP')
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT')
  }

  /** What there is, as a backup. */
  async snapshot(): Promise<EtcdSnapshot> {
    const path = join(this.#folder, `snapshot-${performance.now()}`)
    await this.ctl('snapshot', 'save', path)
    return { path }
  }

  /** The backup comes back in place of what there is, with the same names; it does not run then. */
  async restore({ path }: EtcdSnapshot): Promise<void> {
    await this.kill9()
    this.#data = join(this.#folder, `data-${++this.#restored}`)
    await run(this.#place, 'etcdctl', 'snapshot', 'restore', path, '--data-dir', this.#data, ...this.#initial)
  }

  /** Forgets the changes up to a revision. */
  async compact(revision: number): Promise<void> {
    await this.ctl('compaction', String(revision))
  }

  /** Runs etcdctl, and resolves to what it prints. */
  ctl(...args: readonly string[]): Promise<string> {
    const { tls } = this.#options
    const secure =
      tls === undefined
        ? []
        : ['--cacert', tls.ca ?? tls.certificate, '--cert', tls.certificate, '--key', tls.key]
    return run(this.#place, 'etcdctl', '--endpoints', this.#url, ...secure, ...args)
  }

  get #initial(): string[] {
    const peer = `http://${this.host}:${this.port + 1}`
    return ['--name', NAME, '--initial-cluster', `${NAME}=${peer}`, '--initial-advertise-peer-urls', peer]
  }

  get #running(): Program {
    if (this.#program === undefined) throw new Error('etcd does not run')
    return this.#program
  }

  get #server(): string {
    return `${this.host}:${this.port}`
  }

  get #url(): string {
    return `${this.#options.tls === undefined ? 'http' : 'https'}://${this.#server}`
  }

  /** It elects itself at once, and ends leases soon. */
  #args(): string[] {
    const { tls, args = [] } = this.#options
    const files = tls === undefined ? [] : ['--cert-file', tls.certificate, '--key-file', tls.key]
    const clients = tls?.ca === undefined ? [] : ['--client-cert-auth', '--trusted-ca-file', tls.ca]
    const peer = `http://${this.host}:${this.port + 1}`
    return Object.entries({
      'data-dir': this.#data,
      'listen-peer-urls': peer,
      'listen-client-urls': this.#url,
      'advertise-client-urls': this.#url,
      'heartbeat-interval': '10',
      'election-timeout': '100',
      logger: 'zap',
      'log-outputs': 'stderr',
    })
      .map(([name, value]) => `--${name}=${value}`)
      .concat(this.#initial, files, clients, args)
  }
}

export interface EtcdSnapshot {
  readonly path: string
}
