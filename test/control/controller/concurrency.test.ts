import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Controller } from '../../../src/control/controller/controller.ts'
import { TapwireError } from '../../../src/control/errors.ts'
import { randomRuns } from '../../support/random-runs.ts'
import { InjectedFailure, MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent, assertNamesTaken } from './snapshot.ts'

/** Something that a client asks for, some turns of the event loop's microtasks behind what was asked before. */
interface Wish {
  readonly text: string
  readonly turns: number
  readonly ask: (controller: Controller) => Promise<unknown>
}

const network = fc.constantFrom('n1', 'n2', 'n3')
const sandbox = fc.constantFrom('s1', 's2', 's3')
const place = fc.tuple(sandbox, network)

type Request = readonly [text: string, ask: Wish['ask']]

const createNetwork = (name: string): Request => [
  `network create ${name}`,
  (controller) => controller.createNetwork({ Name: name, EnableIPv6: name === 'n2' }),
]
const removeNetwork = (name: string): Request => [
  `network rm ${name}`,
  (controller) => controller.removeNetwork(name),
]
const create = ([name, on]: readonly [string, string]): Request => [
  `create --name ${name} --network ${on}`,
  (controller) => controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode: on } }),
]
const start = (name: string): Request => [`start ${name}`, (controller) => controller.startSandbox(name)]
const stop = (name: string): Request => [`stop ${name}`, (controller) => controller.stopSandbox(name, {})]
const restart = (name: string): Request => [
  `restart ${name}`,
  (controller) => controller.restartSandbox(name, {}),
]
const remove = (name: string): Request => [
  `rm -f ${name}`,
  (controller) => controller.removeSandbox(name, { force: true }),
]
const rename = ([from, to]: readonly [string, string]): Request => [
  `rename ${from} ${to}`,
  (controller) => controller.renameSandbox(from, to),
]
const connect = ([name, to]: readonly [string, string], link: boolean): Request => [
  `network connect ${link ? '--link s1:db ' : ''}${to} ${name}`,
  (controller) =>
    controller.connect(to, { Container: name, EndpointConfig: link ? { Links: ['s1:db'] } : {} }),
]
const disconnect = ([name, from]: readonly [string, string]): Request => [
  `network disconnect ${from} ${name}`,
  (controller) => controller.disconnect(from, { Container: name }),
]
const impair = ([name, on]: readonly [string, string]): Request => [
  `link set ${name}@${on}`,
  (controller) => controller.adjustLink(`${name}@${on}`, 'to', { delay: '5ms', seed: 7 }),
]
const publish = (name: string): Request => [
  `port add ${name}`,
  (controller) => controller.publishPorts(name, { PortBindings: { '80/tcp': [{}] } }),
]
const unpublish = (name: string): Request => [
  `port rm ${name}`,
  (controller) => controller.unpublishPorts(name, { Ports: ['80/tcp'] }),
]

const request: fc.Arbitrary<Request> = fc.oneof(
  { weight: 2, arbitrary: network.map(createNetwork) },
  { weight: 3, arbitrary: network.map(removeNetwork) },
  place.map(create),
  { weight: 2, arbitrary: sandbox.map(start) },
  sandbox.map(stop),
  sandbox.map(restart),
  sandbox.map(remove),
  fc.tuple(sandbox, sandbox).map(rename),
  { weight: 2, arbitrary: fc.tuple(place, fc.boolean()).map(([where, link]) => connect(where, link)) },
  { weight: 2, arbitrary: place.map(disconnect) },
  { weight: 2, arbitrary: place.map(impair) },
  sandbox.map(publish),
  sandbox.map(unpublish),
)

/** Most are as near to each other as can be: what is under way is over after some fifty turns. */
const wish = fc
  .tuple(request, fc.oneof(fc.nat(3), fc.nat(60)))
  .map(([[text, ask], turns]): Wish => ({ text: `${turns} turns later ${text}`, turns, ask }))

/** Numbers of the times that the model is to be written and cannot be. */
const failures = fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { maxLength: 3 })

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

/** Refused, or failed because its change could not be kept; anything else is a defect. */
async function outcome(asked: Promise<unknown>): Promise<void> {
  try {
    await asked
  } catch (error) {
    if (!(error instanceof TapwireError || error instanceof InjectedFailure)) throw error
  }
}

async function play(wishes: readonly Wish[], failing: readonly number[]): Promise<void> {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  const { controller } = daemon
  for (const name of ['n1', 'n2']) await controller.createNetwork({ Name: name })
  for (const name of ['s1', 's2']) {
    await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode: 'n1' } })
  }
  await controller.startSandbox('s1')
  await settled()
  machine.failSaves(failing)
  const asked: Promise<void>[] = []
  for (const { turns: apart, ask } of wishes) {
    await turns(apart)
    asked.push(outcome(ask(controller)))
  }
  await Promise.all(asked)
  await settled()
  machine.failSaves([])
  // What could not be written is, with the next change.
  await controller.createNetwork({ Name: 'last' })
  assertConsistent(daemon, machine)
  await assertNamesTaken(daemon)
  machine.die()
  const next = await machine.boot()
  await settled()
  assertConsistent(next, machine)
}

describe('any operations of several clients', () => {
  const wishes = fc
    .array(wish, { minLength: 2, maxLength: 14, size: 'max' })
    .map((list) => Object.assign(list, { toString: () => list.map(({ text }) => text).join('; ') }))

  it('leave model, machine, switch and addresses in agreement', async () => {
    await fc.assert(
      fc.asyncProperty(wishes, (list) => play(list, [])),
      { numRuns: randomRuns(40) },
    )
  })

  it('do so as well where the model cannot always be written', async () => {
    await fc.assert(fc.asyncProperty(wishes, failures, play), { numRuns: randomRuns(40) })
  })
})
