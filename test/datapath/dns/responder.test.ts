/** What questions are answered with, held against a naive model of Docker's search (see name-search.ts). */

import assert from 'node:assert/strict'
import { it } from 'node:test'
import { type DecodedPacket, decode } from 'dns-packet'
import fc from 'fast-check'
import type { NamedHostSettings, ResolverSettings } from '../../../src/datapath/dns/dns-settings.ts'
import { DnsScene, dataText, questionOf } from '../../support/dns-scene.ts'

const DOMAINS = [1, 2, 3]
/** Names that meet: of hosts, of links, of networks, and with networks at their end. */
const WORDS = ['a', 'b', 'c', 'a.b', 'b.c']
const name = fc.constantFrom(...WORDS)
const spelled = fc
  .tuple(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }), fc.nat(255))
  .map(([labels, capitals]) =>
    labels
      .join('.')
      .split('')
      .map((letter, index) => ((capitals >> index) & 1 ? letter.toUpperCase() : letter))
      .join(''),
  )

const host = (id: number): fc.Arbitrary<NamedHostSettings> =>
  fc.record({
    id: fc.constant(id),
    domain: fc.constantFrom(...DOMAINS),
    ipv4: fc.option(fc.constant((10 << 24) | id), { nil: undefined }),
    ipv6: fc.option(fc.constant([0xfd << 24, 0, 0, id] as const), { nil: undefined }),
    names: fc
      .uniqueArray(name, { minLength: 1, maxLength: 3 })
      .map((texts) => texts.map((text) => ({ text, kind: 1 as const }))),
    services: fc.constant([]),
  })

const resolver: fc.Arbitrary<ResolverSettings> = fc.record({
  id: fc.constant(5),
  ports: fc.constant([1]),
  scopes: fc.shuffledSubarray(DOMAINS).chain((domains) =>
    fc.tuple(
      ...domains.map((domain) =>
        fc.record({
          domain: fc.constant(domain),
          links: fc.uniqueArray(fc.record({ alias: name, target: name }), {
            maxLength: 2,
            selector: ({ alias }) => alias,
          }),
        }),
      ),
    ),
  ),
  forwards: fc.boolean(),
  singleLabelsStay: fc.boolean(),
})

const world = fc.record({
  zones: fc.tuple(name, name, name),
  hosts: fc.tuple(...[1, 2, 3, 4, 5, 6].map(host)),
  resolver,
})
type World = typeof world extends fc.Arbitrary<infer Value> ? Value : never
type Found = readonly NamedHostSettings[] | undefined

/** Hosts that the network has by the name. */
function namedOn({ hosts }: World, domain: number, text: string): Found {
  const found = hosts.filter((one) => one.domain === domain && one.names.some((known) => known.text === text))
  return found.length === 0 ? undefined : found
}

function find({ zones, resolver: { scopes }, ...rest }: World, asked: string): Found {
  const state = { zones, resolver: { scopes }, ...rest } as World
  const labels = asked.toLowerCase().split('.')
  for (let count = labels.length; count > 0; count--) {
    const text = labels.slice(0, count).join('.')
    const network = labels.slice(count).join('.')
    const meant = scopes.filter(({ domain }) => network === '' || zones[domain - 1] === network)
    for (const { domain, links } of meant) {
      const link = links.find(({ alias }) => alias === text)
      const found = link && namedOn(state, domain, link.target)
      if (found !== undefined) return found
    }
    for (const { domain, links } of meant) {
      if (links.some(({ alias }) => alias === text)) continue
      const found = namedOn(state, domain, text)
      if (found !== undefined) return found
    }
  }
  return undefined
}

function expected(state: World, asked: string, type: string): string {
  const found = find(state, asked)
  const { forwards, singleLabelsStay } = state.resolver
  if (found === undefined) {
    const isAddress = type === 'A' || type === 'AAAA'
    if (singleLabelsStay && isAddress && !asked.includes('.')) return 'NOERROR'
    return forwards ? 'forward' : 'NXDOMAIN'
  }
  const records = found.flatMap(({ ipv4, ipv6, id }) => [
    ...(ipv4 !== undefined && ['A', 'ANY'].includes(type) ? [`${asked} A 10.0.0.${id}`] : []),
    ...(ipv6 !== undefined && ['AAAA', 'ANY'].includes(type) ? [`${asked} AAAA fd00::${id}`] : []),
  ])
  return ['NOERROR', ...records.toSorted()].join(' ')
}

function actual(scene: DnsScene, asked: string, type: string): string {
  const { verdict, message } = scene.dns.resolve(
    { resolver: 5 },
    questionOf(`${asked} ${type}`),
    65_535,
    0,
    false,
  )
  if (verdict !== 'answer') return verdict
  const decoded = decode(Buffer.from(message)) as DecodedPacket & { rcode: string }
  const records = (decoded.answers ?? []).map(
    (one) => `${one.name} ${one.type} ${'data' in one ? dataText(one.data) : ''}`,
  )
  return [decoded.rcode, ...records.toSorted()].join(' ')
}

it('answers as the model does', () => {
  const scene = new DnsScene('network 1', {})
  const questions = fc.array(fc.tuple(spelled, fc.constantFrom('A', 'AAAA', 'ANY', 'MX')), {
    minLength: 8,
    maxLength: 8,
  })
  const seen = new Set<string>()
  fc.assert(
    fc.property(world, questions, (state, asked) => {
      const { dns } = scene
      for (const domain of DOMAINS)
        dns.setZone(domain, { name: state.zones[domain - 1]!, ttlS: 5, served: true })
      for (const one of state.hosts) dns.setNamedHost(one.id, one)
      dns.setResolver(5, state.resolver)
      for (const [text, type] of asked) {
        const wanted = expected(state, text, type)
        seen.add(wanted.split(' ')[0]!)
        assert.equal(actual(scene, text, type), wanted, `${text} ${type}`)
      }
    }),
    { numRuns: 1000 },
  )
  assert.deepEqual([...seen].toSorted(), ['NOERROR', 'NXDOMAIN', 'forward'])
})
