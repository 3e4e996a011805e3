/** A network that plays the world is what people mean by the uplink. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

/** Client on lan; server and tourist on world, which plays the world or does not. */
async function boot(playsTheWorld: boolean): Promise<Daemon> {
  const daemon = await new MemoryMachine().boot()
  const { controller } = daemon
  const Options = { 'tapwire.uplink': String(playsTheWorld) }
  await controller.createNetwork({ Name: 'lan' })
  await controller.createNetwork({ Name: 'world', Options })
  for (const [name, NetworkMode] of [
    ['client', 'lan'],
    ['server', 'world'],
    ['tourist', 'world'],
  ] as const) {
    await controller.createSandbox(name, { Cmd: ['serve'], HostConfig: { NetworkMode } })
    await controller.startSandbox(name)
  }
  await settled()
  return daemon
}

function selected({ controller: { places } }: Daemon, ...names: readonly string[]): string[] {
  const selection = places.select(names)
  const found = places.all().filter((place) => selection.has(place))
  return found.map(({ kind, name }) => (kind === 'uplink' ? kind : name)).toSorted()
}

describe('a network that plays the world', () => {
  it('is the uplink of captures', async () => {
    const daemon = await boot(true)
    assert.deepEqual(selected(daemon, 'uplink'), ['server', 'tourist', 'uplink'])
    assert.deepEqual(selected(daemon, 'lan', 'uplink'), ['client', 'server', 'tourist', 'uplink'])
  })

  it('becomes it while they run', async () => {
    const daemon = await boot(false)
    const { controller } = daemon
    const selection = controller.places.select(['uplink'])
    assert.deepEqual(selected(daemon, 'uplink'), ['uplink'])
    await controller.createNetwork({ Name: 'late', Options: { 'tapwire.uplink': 'true' } })
    await controller.connect('late', { Container: 'server' })
    await settled()
    const there = controller.places.all().filter((place) => selection.has(place))
    assert.deepEqual(
      there.map(({ network }) => network),
      ['late', ''],
    )
  })

  it('has no link of its own, and refusals name it', async () => {
    const { controller } = await boot(true)
    const refusal = {
      code: 'UPLINK_UNUSABLE',
      message: 'the way out is the network world, which has no link of its own',
      hint: 'Name one of its sandboxes, as SANDBOX@world: `tapwire link show` lists the places.',
    }
    await assert.rejects(controller.setLink('uplink', { to: { down: true } }), refusal)
    await assert.rejects(controller.links('uplink'), refusal)
  })
})
