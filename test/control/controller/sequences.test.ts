import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { TapwireError } from '../../../src/control/errors.ts'
import { randomRuns } from '../../support/random-runs.ts'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent } from './snapshot.ts'

/** What a user would write down: which networks there are, and of each sandbox whether it runs and where it belongs. */
interface Notes {
  /** By name, which of the networks that have had it: one that is made again is another one. */
  readonly networks: Map<string, number>
  readonly sandboxes: Map<string, SandboxNotes>
  made: number
}

interface SandboxNotes {
  running: boolean
  /** Names of networks, and which of those that have had it: `n1/3`. */
  readonly on: Set<string>
  /** Names of networks, of those that it has an impaired link to. */
  readonly impaired: Set<string>
  /** Published ones. */
  readonly ports: Set<string>
}

interface World {
  readonly machine: MemoryMachine
  daemon: Daemon
}

/** Something that a user asks for. What cannot be has to be refused; whether it was done is seen by what is shown. */
interface Wish {
  readonly text: string
  readonly possible: (notes: Notes) => boolean
  readonly note: (notes: Notes) => void
  readonly ask: (world: World) => Promise<unknown>
}

class Ask implements fc.AsyncCommand<Notes, World> {
  readonly #wish: Wish

  constructor(wish: Wish) {
    this.#wish = wish
  }

  check(): boolean {
    return true
  }

  async run(notes: Notes, world: World): Promise<void> {
    const { possible, note, ask } = this.#wish
    if (possible(notes)) {
      await ask(world)
      note(notes)
    } else {
      await assert.rejects(ask(world), TapwireError)
    }
    await settled()
    assertConsistent(world.daemon, world.machine)
    assertNotes(notes, world.daemon)
  }

  toString(): string {
    return this.#wish.text
  }
}

function assertNotes({ networks, sandboxes }: Notes, { controller }: Daemon): void {
  const names = controller.listNetworks({}).map(({ Name }) => Name)
  assert.deepEqual(new Set(names), new Set(['bridge', 'host', 'none', ...networks.keys()]))
  assert.equal(controller.listSandboxes({ all: true, filters: {} }).length, sandboxes.size)
  for (const [name, { running, on, impaired, ports }] of sandboxes) {
    const { State, NetworkSettings, HostConfig } = controller.inspectSandbox(name)
    assert.deepEqual(
      Object.keys(HostConfig.PortBindings),
      [...ports].toSorted().map((port) => `${port}/tcp`),
    )
    // With a way out, all of them are published, twice each and for both families.
    const bindings = Object.values(NetworkSettings.Ports).flatMap((list) => list ?? [])
    assert.equal(bindings.length, NetworkSettings.DefaultRoute.IPv4.Gateway === '' ? 0 : ports.size * 4)
    assert.equal(State.Running, running, name)
    const shown = Object.keys(NetworkSettings.Networks)
    assert.equal(shown.length, on.size)
    for (const each of on) {
      // Also of one that is no more.
      const [network = ''] = each.split('/')
      assert.ok(shown.includes(network))
      assert.equal(
        'Impairment' in NetworkSettings.Networks[network]!,
        impaired.has(network),
        `${name} on ${network}`,
      )
    }
  }
}

const present = ({ networks }: Notes, name: string): string => `${name}/${networks.get(name)}`

const isThere = ({ networks }: Pick<Notes, 'networks'>, each: string): boolean => {
  const [name = '', which] = each.split('/')
  return networks.get(name) === Number(which)
}

const isUsed = (notes: Notes, network: string): boolean =>
  [...notes.sandboxes.values()].some(({ running, on }) => running && on.has(present(notes, network)))

const createNetwork = (name: string): Wish => ({
  text: `network create ${name}`,
  possible: (notes) => !notes.networks.has(name),
  note: (notes) => {
    notes.networks.set(name, ++notes.made)
    // What was on a network of this name that was removed is on this one.
    for (const { on } of notes.sandboxes.values()) {
      const former = Array.from(on).find((each) => each.startsWith(`${name}/`))
      if (former !== undefined && on.delete(former)) on.add(present(notes, name))
    }
  },
  ask: ({ daemon }) => daemon.controller.createNetwork({ Name: name, EnableIPv6: name === 'n2' }),
})

const removeNetwork = (name: string): Wish => ({
  text: `network rm ${name}`,
  possible: (notes) => notes.networks.has(name) && !isUsed(notes, name),
  note: (notes) => void notes.networks.delete(name),
  ask: ({ daemon }) => daemon.controller.removeNetwork(name),
})

const create = (name: string, network: string): Wish => ({
  text: `create --name ${name} --network ${network}`,
  possible: (notes) => notes.networks.has(network) && !notes.sandboxes.has(name),
  note: (notes) =>
    void notes.sandboxes.set(name, {
      running: false,
      on: new Set([present(notes, network)]),
      impaired: new Set(),
      ports: new Set(),
    }),
  ask: ({ daemon }) =>
    daemon.controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode: network } }),
})

const start = (name: string): Wish => ({
  text: `start ${name}`,
  possible: (notes) =>
    notes.sandboxes.has(name) && [...notes.sandboxes.get(name)!.on].every((each) => isThere(notes, each)),
  note: ({ sandboxes }) => {
    sandboxes.get(name)!.running = true
  },
  ask: ({ daemon }) => daemon.controller.startSandbox(name),
})

const stop = (name: string): Wish => ({
  text: `stop ${name}`,
  possible: ({ sandboxes }) => sandboxes.has(name),
  note: ({ sandboxes }) => {
    sandboxes.get(name)!.running = false
  },
  ask: ({ daemon }) => daemon.controller.stopSandbox(name, {}),
})

const remove = (name: string, force: boolean): Wish => ({
  text: `rm ${force ? '-f ' : ''}${name}`,
  possible: ({ sandboxes }) => sandboxes.has(name) && (force || !sandboxes.get(name)!.running),
  note: ({ sandboxes }) => void sandboxes.delete(name),
  ask: ({ daemon }) => daemon.controller.removeSandbox(name, { force }),
})

const connect = (name: string, network: string): Wish => ({
  text: `network connect ${network} ${name}`,
  // What does not run only has its wishes replaced.
  possible: (notes) => {
    const sandbox = notes.sandboxes.get(name)
    if (sandbox === undefined || !notes.networks.has(network)) return false
    return !(sandbox.running && sandbox.on.has(present(notes, network)))
  },
  note: (notes) => {
    const { on, impaired } = notes.sandboxes.get(name)!
    on.add(present(notes, network))
    impaired.delete(network)
  },
  ask: ({ daemon }) => daemon.controller.connect(network, { Container: name }),
})

const memberOf = (sandbox: SandboxNotes | undefined, network: string): string | undefined =>
  Array.from(sandbox?.on ?? []).find((each) => each.startsWith(`${network}/`))

const disconnect = (name: string, network: string): Wish => ({
  text: `network disconnect ${network} ${name}`,
  // Also from one that is no more, which it would wait for else.
  possible: ({ sandboxes }) => memberOf(sandboxes.get(name), network) !== undefined,
  note: ({ sandboxes }) => {
    const sandbox = sandboxes.get(name)!
    sandbox.on.delete(memberOf(sandbox, network)!)
    sandbox.impaired.delete(network)
  },
  ask: ({ daemon }) => daemon.controller.disconnect(network, { Container: name }),
})

const impair = (name: string, network: string, isSet: boolean): Wish => ({
  text: `link ${isSet ? 'set' : 'reset'} ${name}@${network}`,
  possible: (notes) =>
    notes.networks.has(network) && notes.sandboxes.get(name)?.on.has(present(notes, network)) === true,
  note: ({ sandboxes }) => {
    const { impaired } = sandboxes.get(name)!
    if (isSet) impaired.add(network)
    else impaired.delete(network)
  },
  ask: ({ daemon }) =>
    isSet
      ? daemon.controller.adjustLink(`${name}@${network}`, 'to', { delay: '5ms', seed: 7 })
      : daemon.controller.resetLink(`${name}@${network}`, 'both'),
})

/** Ports of its own, so that nobody else has them; whether they are published yet, nobody notes. */
const publish = (name: string, [first, last]: readonly [number, number]): Wish => ({
  text: `port add ${name} ${first}-${last}`,
  possible: ({ sandboxes }) => {
    const known = sandboxes.get(name)?.ports
    return known !== undefined && !span(first, last).some((port) => known.has(port))
  },
  note: ({ sandboxes }) => {
    for (const port of span(first, last)) sandboxes.get(name)!.ports.add(port)
  },
  ask: ({ daemon }) => {
    const base = 1000 * Number(name.slice(1))
    return daemon.controller.publishPorts(name, {
      PortBindings: { [`${first}-${last}/tcp`]: [{ HostPort: `${base + first}-${base + last}` }, {}] },
    })
  },
})

const unpublish = (name: string, [first, last]: readonly [number, number]): Wish => ({
  text: `port rm ${name} ${first}-${last}`,
  possible: ({ sandboxes }) => {
    const known = sandboxes.get(name)?.ports
    return known !== undefined && span(first, last).every((port) => known.has(port))
  },
  note: ({ sandboxes }) => {
    for (const port of span(first, last)) sandboxes.get(name)!.ports.delete(port)
  },
  ask: ({ daemon }) => daemon.controller.unpublishPorts(name, { Ports: [`${first}-${last}/tcp`] }),
})

/** The ports by themselves, as inspect shows them. */
const span = (first: number, last: number): string[] =>
  Array.from({ length: last - first + 1 }, (_, index) => String(first + index))

const end = (name: string): Wish => ({
  text: `${name} ends`,
  possible: () => true,
  note: ({ sandboxes }) => {
    const sandbox = sandboxes.get(name)
    if (sandbox !== undefined) sandbox.running = false
  },
  ask: async ({ daemon, machine }) => {
    const sandbox = daemon.model().sandboxes.find((candidate) => candidate.name === name)
    if (sandbox !== undefined) machine.end(sandbox.id, 1)
  },
})

const crash: Wish = {
  text: 'kill -9 and a new daemon',
  possible: () => true,
  note: () => undefined,
  ask: async (world) => {
    world.machine.die()
    world.daemon = await world.machine.boot()
  },
}

const wait: Wish = {
  text: 'a minute passes',
  possible: () => true,
  note: () => undefined,
  ask: ({ machine }) => machine.pass(60_000),
}

const network = fc.constantFrom('n1', 'n2', 'n3')
const sandbox = fc.constantFrom('s1', 's2', 's3')
const range = fc
  .tuple(fc.integer({ min: 80, max: 83 }), fc.integer({ min: 0, max: 2 }))
  .map(([first, more]) => [first, first + more] as const)
const wish: fc.Arbitrary<Wish> = fc.oneof(
  network.map(createNetwork),
  network.map(removeNetwork),
  { weight: 2, arbitrary: fc.tuple(sandbox, network).map(([s, n]) => create(s, n)) },
  { weight: 3, arbitrary: sandbox.map(start) },
  sandbox.map(stop),
  fc.tuple(sandbox, fc.boolean()).map(([s, force]) => remove(s, force)),
  { weight: 2, arbitrary: fc.tuple(sandbox, network).map(([s, n]) => connect(s, n)) },
  fc.tuple(sandbox, network).map(([s, n]) => disconnect(s, n)),
  { weight: 2, arbitrary: fc.tuple(sandbox, range).map(([s, p]) => publish(s, p)) },
  fc.tuple(sandbox, range).map(([s, p]) => unpublish(s, p)),
  { weight: 2, arbitrary: fc.tuple(sandbox, network, fc.boolean()).map(([s, n, set]) => impair(s, n, set)) },
  sandbox.map(end),
  fc.constant(crash),
  fc.constant(wait),
)

describe('any sequence of operations', () => {
  it('leaves model, machine, switch and addresses in agreement', async () => {
    const commands = fc.commands([wish.map((each) => new Ask(each))], { maxCommands: 60, size: 'max' })
    await fc.assert(
      fc.asyncProperty(commands, (sequence) =>
        fc.asyncModelRun(async () => {
          const machine = new MemoryMachine()
          const daemon = await machine.boot()
          const model: Notes = { networks: new Map(), sandboxes: new Map(), made: 0 }
          for (const name of ['n1', 'n2']) {
            await daemon.controller.createNetwork({ Name: name, EnableIPv6: name === 'n2' })
            model.networks.set(name, ++model.made)
          }
          return { model, real: { machine, daemon } }
        }, sequence),
      ),
      { numRuns: randomRuns(30) },
    )
  })
})
