/**
 * Random clients, packets and changes of backends against a model that says what must hold: a connection has one backend until that one
 * goes, a packet arrives as it was sent but for the address that was translated, and the answer comes from the address that was asked.
 */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import * as fc from 'fast-check'
import { playRouter, RouterScene } from '../../support/router-scene.ts'

const VIRTUAL = '10.1.0.100'
const BACKENDS = [5, 6, 7, 8] as const
const LAB = `
  network 1
  port 1,2,5,6,7,8 network=1
  gateway 1 10.1.0.1/24
  ${[1, 2, ...BACKENDS].map((port) => `host ${port} 10.1.0.1${port}`).join('\n')}
`

type Step =
  | { readonly kind: 'send'; readonly client: number; readonly port: number; readonly isTcp: boolean }
  | { readonly kind: 'backends'; readonly set: readonly number[] }
  | { readonly kind: 'direct'; readonly client: number; readonly backend: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      client: fc.constantFrom(1, 2, 5),
      port: fc.integer({ min: 4000, max: 4007 }),
      isTcp: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('backends' as const),
      set: fc.uniqueArray(fc.constantFrom(...BACKENDS)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('direct' as const),
      client: fc.constantFrom(1, 2),
      backend: fc.constantFrom(...BACKENDS),
    }),
  },
)

class Model {
  readonly scene = playRouter(LAB, new RouterScene())
  backends: readonly number[] = [5, 6]
  /** By client, protocol and port. */
  readonly #chosen = new Map<string, number>()
  #now = 0

  constructor() {
    this.#tell()
    // So that nobody is asked for in between.
    for (const port of [1, 2, ...BACKENDS]) this.#send(port, `arp 10.1.0.1${port} asks 10.1.0.1`)
  }

  play(one: Step): void {
    if (one.kind === 'backends') this.#change(one.set)
    else if (one.kind === 'send') this.#exchange(one)
    else this.#direct(one)
  }

  #change(set: readonly number[]): void {
    this.backends = set
    this.#tell()
    for (const [key, backend] of this.#chosen) if (!set.includes(backend)) this.#chosen.delete(key)
    this.#now += 1
    this.scene.scenario.nowS = this.#now
    while (this.scene.engine.tick(this.#now));
    // Resets, if any, are for clients and backends of connections that have ended.
    for (const line of this.scene.run()) assert.match(line, /^\d< tcp \S+ rst df ttl=64$/)
  }

  #exchange({ client, port, isTcp }: Extract<Step, { kind: 'send' }>): void {
    const key = `${client} ${port} ${isTcp}`
    const [kind, word] = isTcp ? ['tcp', ' ack'] : ['udp', '']
    const from = `10.1.0.1${client}:${port}`
    const lines = this.#send(client, `${kind} ${from}>${VIRTUAL}:80${word}`)
    if (this.backends.length === 0) {
      assert.equal(lines.length, 1)
      assert.match(lines[0]!, isTcp ? / rst / : /^\d< error=3\/3 /)
      return
    }
    const [, to, seen] = /^(\d)< \w+ (\S+)>10\.1\.0\.\d+:80/.exec(lines[0] ?? '') ?? []
    const backend = Number(to)
    assert.ok(this.backends.includes(backend), `${lines.join()} of ${this.backends.join()}`)
    assert.equal(this.#chosen.get(key) ?? backend, backend, 'one connection, one backend')
    this.#chosen.set(key, backend)
    // Who meets itself sees the gateway.
    if (backend === client) assert.match(seen!, /^10\.1\.0\.1:/)
    else assert.equal(seen, from)
    const via = backend === client ? '' : ` via=10.1.0.1${client}`
    const answer = this.#send(backend, `${kind} 10.1.0.1${backend}:80>${seen}${word}${via}`)
    assert.deepEqual(answer, [`${client}< ${kind} ${VIRTUAL}:80>${from}${word}`])
  }

  /** What has nothing to do with the service passes as it is. */
  #direct({ client, backend }: Extract<Step, { kind: 'direct' }>): void {
    const ends = `10.1.0.1${backend}:81>10.1.0.1${client}:4000`
    const lines = this.#send(backend, `udp ${ends} via=10.1.0.1${client}`)
    assert.deepEqual(lines, [`${client}< udp ${ends} ttl=64`])
  }

  #tell(): void {
    const words = this.backends.map((backend) => `10.1.0.1${backend}@${backend}`)
    this.scene.command(`virtual 4 ${VIRTUAL} network=1 ${words.join(' ')}`)
  }

  #send(port: number, line: string): string[] {
    this.scene.scenario.arrive(port, this.scene.frame(port, line))
    return this.scene.run()
  }
}

it('each connection to a service has one backend, and knows nothing of it', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const model = new Model()
      for (const one of steps) model.play(one)
    }),
    { numRuns: 15 },
  )
})
