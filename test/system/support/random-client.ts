/**
 * A client that does at random what clients do, with networks and sandboxes of its own, and that knows what it was told to
 * be done. Its daemon may be killed at any moment: what was under way then may have been done or not, but not by half.
 */

import assert from 'node:assert/strict'
import type { Random } from '../../support/random.ts'
import type { ControlDaemon } from './control-daemon.ts'

interface Sandbox {
  readonly status: 'created' | 'running' | 'exited'
  /** Its networks, and its address on each; undefined where we were not told. Empty while it does not run. */
  readonly addresses: Readonly<Record<string, string | undefined>>
}

interface Known {
  readonly networks: readonly string[]
  readonly sandboxes: Readonly<Record<string, Sandbox>>
}

interface Operation {
  readonly line: string
  readonly method: string
  readonly path: string
  readonly body?: unknown
  /** What may be the case from its beginning on; the last one when it is done. */
  readonly states: readonly [Known, ...Known[]]
  /** Of whom an address is then to be looked up. */
  readonly sandbox?: string
}

const NETWORKS_MAX = 2
const SANDBOXES_MAX = 3

export class RandomClient {
  readonly #daemon: ControlDaemon
  readonly #random: Random
  readonly #prefix: string
  readonly #shared: string
  #known: Known = { networks: [], sandboxes: {} }
  /** What may be the case beside that. */
  #possible: readonly Known[] = []
  #names = 0
  readonly history: string[] = []

  /** `shared` is a network that is there, and stays. */
  constructor(daemon: ControlDaemon, random: Random, prefix: string, shared: string) {
    this.#daemon = daemon
    this.#random = random
    this.#prefix = prefix
    this.#shared = shared
  }

  /** Goes on until the daemon is no more. Throws where it refuses what it should do. */
  async work(): Promise<void> {
    for (;;) {
      const operation = this.#choose()
      this.history.push(operation.line)
      this.#possible = operation.states
      const answer = await this.#reached(this.#daemon.ask(operation.method, operation.path, operation.body))
      if (answer === undefined) return
      assert.ok(answer.status < 300, `${operation.line}: ${answer.status} ${answer.body}`)
      this.history.push('  done')
      this.#known = operation.states.at(-1)!
      this.#possible = []
      if (operation.sandbox === undefined) continue
      const seen = await this.#reached(this.#see())
      if (seen === undefined) return
      this.#compare(seen)
    }
  }

  /** To be called when the daemon is there again. */
  async check(): Promise<void> {
    this.#compare(await this.#see())
  }

  get running(): readonly string[] {
    const { sandboxes } = this.#known
    return Object.keys(sandboxes).filter((name) => sandboxes[name]!.status === 'running')
  }

  #compare(seen: Known): void {
    const states = [this.#known, ...this.#possible]
    assert.ok(
      states.some((state) => agrees(state, seen)),
      `seen:\n${JSON.stringify(seen)}\nknown:\n${states.map((state) => JSON.stringify(state)).join('\n')}\n${this.history.slice(-8).join('\n')}`,
    )
    this.#known = seen
    this.#possible = []
  }

  /** Undefined where the daemon was killed meanwhile. */
  async #reached<T>(asked: Promise<T>): Promise<T | undefined> {
    try {
      return await asked
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
      return undefined
    }
  }

  async #see(): Promise<Known> {
    const [networks, sandboxes] = await Promise.all([
      this.#daemon.call<{ Name: string }[]>('GET', '/networks'),
      this.#daemon.call<{ Names: string[] }[]>('GET', '/sandboxes?all=true'),
    ])
    const own = sandboxes
      .map(({ Names }) => Names[0]!.slice(1))
      .filter((name) => name.startsWith(this.#prefix))
      .toSorted()
    const seen = own.map(async (name): Promise<[string, Sandbox]> => {
      const { State, NetworkSettings } = await this.#daemon.inspect(name)
      const addresses = Object.entries(NetworkSettings.Networks).map(([network, { IPAddress }]) => [
        network,
        IPAddress,
      ])
      return [
        name,
        { status: State.Status, addresses: Object.fromEntries(addresses) as Sandbox['addresses'] },
      ]
    })
    return {
      networks: networks
        .map(({ Name }) => Name)
        .filter((name) => name.startsWith(this.#prefix))
        .toSorted(),
      sandboxes: Object.fromEntries(await Promise.all(seen)),
    }
  }

  #choose(): Operation {
    const choices = [
      ...this.#networkChoices(),
      ...Object.keys(this.#known.sandboxes).flatMap((name) => this.#sandboxChoices(name)),
      ...(Object.keys(this.#known.sandboxes).length < SANDBOXES_MAX ? [() => this.#create()] : []),
    ]
    return this.#pick(choices)()
  }

  #networkChoices(): (() => Operation)[] {
    const { networks, sandboxes } = this.#known
    const used = new Set(Object.values(sandboxes).flatMap(({ addresses }) => Object.keys(addresses)))
    const free = networks.filter((network) => !used.has(network))
    const removal = free.map((network) => () => this.#removeNetwork(network))
    return networks.length < NETWORKS_MAX ? [...removal, () => this.#createNetwork()] : removal
  }

  #sandboxChoices(name: string): (() => Operation)[] {
    const { status, addresses } = this.#known.sandboxes[name]!
    const joined = Object.keys(addresses)
    const others = [this.#shared, ...this.#known.networks].filter((network) => !joined.includes(network))
    return [
      status === 'running' ? () => this.#stop(name) : () => this.#start(name),
      () => this.#remove(name),
      () => this.#rename(name),
      ...others.map((network) => () => this.#connect(name, network)),
      ...(joined.length > 1 ? joined.map((network) => () => this.#disconnect(name, network)) : []),
    ]
  }

  #createNetwork(): Operation {
    const Name = this.#newName('net')
    const networks = [...this.#known.networks, Name].toSorted()
    return {
      line: `network create ${Name}`,
      method: 'POST',
      path: '/networks',
      body: { Name },
      states: [{ ...this.#known, networks }],
    }
  }

  #removeNetwork(network: string): Operation {
    const networks = this.#known.networks.filter((other) => other !== network)
    const states: [Known] = [{ ...this.#known, networks }]
    return { line: `network rm ${network}`, method: 'DELETE', path: `/networks/${network}`, states }
  }

  #create(): Operation {
    const name = this.#newName('box')
    const network = this.#pick([this.#shared, ...this.#known.networks])
    const Cmd = this.#pick([[], ['sleep', '1000']])
    return {
      line: `create ${name} on ${network}`,
      method: 'POST',
      path: `/sandboxes?name=${name}`,
      body: { Cmd, HostConfig: { NetworkMode: network } },
      states: [this.#with(name, { status: 'created', addresses: { [network]: '' } })],
    }
  }

  #start(name: string): Operation {
    const { addresses } = this.#known.sandboxes[name]!
    const unknown = Object.fromEntries(Object.keys(addresses).map((network) => [network, undefined]))
    return {
      ...this.#post(name, 'start'),
      states: [this.#with(name, { status: 'running', addresses: unknown })],
      sandbox: name,
    }
  }

  #stop(name: string): Operation {
    return { ...this.#post(name, 'stop?t=0'), states: [this.#stopped(name)] }
  }

  #remove(name: string): Operation {
    const { status } = this.#known.sandboxes[name]!
    const gone = this.#with(name, undefined)
    return {
      line: `rm -f ${name}`,
      method: 'DELETE',
      path: `/sandboxes/${name}?force=true`,
      // Removing one that runs is to end it, and then to remove it.
      states: status === 'running' ? [this.#stopped(name), gone] : [gone],
    }
  }

  #rename(name: string): Operation {
    const renamed = this.#newName('box')
    const { sandboxes } = this.#with(name, undefined)
    return {
      ...this.#post(name, `rename?name=${renamed}`),
      states: [{ ...this.#known, sandboxes: { ...sandboxes, [renamed]: this.#known.sandboxes[name]! } }],
    }
  }

  #connect(name: string, network: string): Operation {
    const { status, addresses } = this.#known.sandboxes[name]!
    const address = status === 'running' ? undefined : ''
    return {
      line: `connect ${network} ${name}`,
      method: 'POST',
      path: `/networks/${network}/connect`,
      body: { Container: name },
      states: [this.#with(name, { status, addresses: { ...addresses, [network]: address } })],
      sandbox: name,
    }
  }

  #disconnect(name: string, network: string): Operation {
    const { status, addresses } = this.#known.sandboxes[name]!
    const { [network]: _, ...others } = addresses
    return {
      line: `disconnect ${network} ${name}`,
      method: 'POST',
      path: `/networks/${network}/disconnect`,
      body: { Container: name },
      states: [this.#with(name, { status, addresses: others })],
    }
  }

  #post(name: string, action: string): Pick<Operation, 'line' | 'method' | 'path'> {
    return { line: `${action} ${name}`, method: 'POST', path: `/sandboxes/${name}/${action}` }
  }

  #stopped(name: string): Known {
    const { addresses } = this.#known.sandboxes[name]!
    const none = Object.fromEntries(Object.keys(addresses).map((network) => [network, '']))
    return this.#with(name, { status: 'exited', addresses: none })
  }

  #with(name: string, sandbox: Sandbox | undefined): Known {
    const { [name]: _, ...others } = this.#known.sandboxes
    return { ...this.#known, sandboxes: sandbox === undefined ? others : { ...others, [name]: sandbox } }
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)]!
  }

  #newName(kind: string): string {
    return `${this.#prefix}${kind}${++this.#names}`
  }
}

function agrees(known: Known, seen: Known): boolean {
  return (
    sameItems(known.networks, seen.networks) &&
    sameItems(Object.keys(known.sandboxes), Object.keys(seen.sandboxes)) &&
    Object.entries(known.sandboxes).every(([name, sandbox]) => sameSandbox(sandbox, seen.sandboxes[name]!))
  )
}

function sameSandbox(known: Sandbox, seen: Sandbox): boolean {
  return (
    known.status === seen.status &&
    sameItems(Object.keys(known.addresses), Object.keys(seen.addresses)) &&
    Object.entries(known.addresses).every(([network, address]) =>
      address === undefined ? seen.addresses[network] !== '' : seen.addresses[network] === address,
    )
  )
}

const sameItems = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((item) => other.includes(item))
