/** The router's translations against a model of maps and strings, under random packets of random stations. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { playRouter, RouterScene } from '../support/router-scene.ts'

const UPLINK = '192.0.2.1'
/** By address: the port that a station is behind. */
const HOMES: Readonly<Record<string, number>> = {
  '10.1.0.2': 1,
  '10.1.0.3': 2,
  '10.2.0.2': 3,
  '192.0.2.77': 9,
  '192.0.2.78': 9,
}
const LAB = `
  network 1
  network 2
  network 3
  port 1,2 network=1
  port 3 network=2
  port 9 network=3
  gateway 1 10.1.0.1/24
  gateway 2 10.2.0.1/24
  uplink 3 192.0.2.1/24 ports=4000-4003
${Object.entries(HOMES)
  .map(([address, port]) => `  host ${port} ${address}`)
  .join('\n')}
  publish 1 udp 4001-4002 10.1.0.2:53 network=1 owner=1
  publish 2 tcp 4001 10.2.0.2:53 network=2 owner=3
`
/** On every address of the router. */
const PUBLISHED = new Map([
  ['udp 4001', '10.1.0.2:53'],
  ['udp 4002', '10.1.0.2:54'],
  ['tcp 4001', '10.2.0.2:53'],
])

interface Tuple {
  readonly protocol: 'udp' | 'tcp'
  readonly source: string
  readonly destination: string
}

const hostOf = (end: string): string => end.split(':')[0]!
const portOf = (end: string): string => end.split(':')[1]!
const networkOf = (host: string): string => host.split('.').slice(0, 3).join('.')
const isOutside = (host: string): boolean => networkOf(host) === '192.0.2'
const keyOf = ({ protocol, source, destination }: Tuple): string => `${protocol} ${source}>${destination}`

/** What the router is meant to do, as one would write it down. */
class NatModel {
  /** By tuple as it arrives: as it goes on. */
  readonly #flows = new Map<string, Tuple>()

  /** As the packet goes on, with `?` for a port that the router may choose; undefined where it does not. */
  expect(packet: Tuple): Tuple | undefined {
    const known = this.#flows.get(keyOf(packet))
    if (known !== undefined) return known
    const source = hostOf(packet.source)
    const target = this.#published(packet)
    if (target !== undefined) {
      const isNeighbour = networkOf(hostOf(target)) === networkOf(source)
      if (!isNeighbour)
        return this.#isTaken({ ...packet, destination: target })
          ? undefined
          : { ...packet, destination: target }
      return this.#chosen({ ...packet, destination: target }, `${networkOf(source)}.1`, 1024, 65_535)
    }
    const leaves =
      !isOutside(source) && isOutside(hostOf(packet.destination)) && hostOf(packet.destination) !== UPLINK
    return leaves ? this.#chosen(packet, UPLINK, 4000, 4003) : undefined
  }

  /** The router has sent it on as `sent`: so do packets that follow, and answers. */
  follow(packet: Tuple, sent: Tuple): void {
    this.#flows.set(keyOf(packet), sent)
    const { protocol, source, destination } = packet
    this.#flows.set(keyOf({ protocol, source: sent.destination, destination: sent.source }), {
      protocol,
      source: destination,
      destination: source,
    })
  }

  /** With the source's own port where it may have it, else any that is free; undefined where none is. */
  #chosen(packet: Tuple, address: string, first: number, last: number): Tuple | undefined {
    const own = Number(portOf(packet.source))
    const under = (port: number | string): Tuple => ({ ...packet, source: `${address}:${port}` })
    if (own >= first && own <= last && this.isFree(under(own))) return under(own)
    for (let port = first; port <= Math.min(last, first + 100); port++)
      if (this.isFree(under(port))) return under('?')
    return undefined
  }

  /** Whether its answers would be nobody else's, and its port is not published. */
  isFree(sent: Tuple): boolean {
    return !this.#isTaken(sent) && !PUBLISHED.has(`${sent.protocol} ${portOf(sent.source)}`)
  }

  #published({ protocol, source, destination }: Tuple): string | undefined {
    const isRouter = [UPLINK, `${networkOf(hostOf(source))}.1`].includes(hostOf(destination))
    return isRouter ? PUBLISHED.get(`${protocol} ${portOf(destination)}`) : undefined
  }

  #isTaken({ protocol, source, destination }: Tuple): boolean {
    return this.#flows.has(keyOf({ protocol, source: destination, destination: source }))
  }
}

const station = fc.constantFrom(...Object.keys(HOMES))
const port = fc.constantFrom(53, 54, 4000, 4001, 4002, 4003)
const packet = fc.record({
  protocol: fc.constantFrom<Tuple['protocol']>('udp', 'tcp'),
  source: fc.tuple(station, port).map(([host, number]) => `${host}:${number}`),
  destination: fc
    .tuple(fc.oneof(station, fc.constant(UPLINK)), port)
    .map(([host, number]) => `${host}:${number}`),
})
/** A packet, or how many packets ago the one went out that this is an answer to. */
const action = fc.oneof(packet, fc.nat({ max: 5 }))

describe('the router’s translations', () => {
  it('are those of the model', () => {
    fc.assert(
      fc.property(fc.array(action, { minLength: 1, maxLength: 60 }), (actions) => {
        const scene = playRouter(LAB, new RouterScene({ connections: 1024 }))
        const model = new NatModel()
        const sent: Tuple[] = []
        for (const each of actions) {
          const one = typeof each === 'number' ? answerTo(sent.at(-1 - each)) : each
          if (one === undefined || HOMES[hostOf(one.source)] === undefined) continue
          if (
            networkOf(hostOf(one.source)) === networkOf(hostOf(one.destination)) &&
            hostOf(one.destination) !== UPLINK &&
            !hostOf(one.destination).endsWith('.1')
          )
            continue
          const left = pass(scene, one)
          const wanted = model.expect(one)
          const isAny = wanted !== undefined && portOf(wanted.source) === '?'
          if (isAny && left !== undefined) {
            assert.ok(model.isFree(left), `${keyOf(one)} becomes ${keyOf(left)}, which is taken`)
            assert.equal(hostOf(left.source), hostOf(wanted.source))
            assert.equal(left.destination, wanted.destination)
          } else assert.deepEqual(left, wanted, keyOf(one))
          if (left === undefined) continue
          model.follow(one, left)
          sent.push(left)
        }
      }),
      { numRuns: 60 },
    )
  })
})

const answerTo = (sent: Tuple | undefined): Tuple | undefined =>
  sent && { protocol: sent.protocol, source: sent.destination, destination: sent.source }

/** What leaves, at the port where its destination lives; undefined where nothing does but the router's own words. */
function pass(scene: RouterScene, { protocol, source, destination }: Tuple): Tuple | undefined {
  const home = HOMES[hostOf(source)]!
  const bits = protocol === 'tcp' ? ' ack' : ''
  scene.scenario.arrive(home, scene.frame(home, `${protocol} ${source}>${destination}${bits}`))
  const lines = scene.run().filter((line) => !line.includes('error=') && !line.includes(' rst'))
  assert.ok(lines.length <= 1, lines.join('\n'))
  const [, where, from, to] = /^(\d+)< \w+ (\S+)>(\S+)/.exec(lines[0] ?? '') ?? []
  if (where === undefined) return undefined
  assert.equal(HOMES[hostOf(to!)], Number(where), lines[0])
  return { protocol, source: from!, destination: to! }
}
