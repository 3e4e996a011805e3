import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { PortBinding } from '../../../src/control/model/records.ts'
import {
  type PortSelection,
  portNames,
  remainingRanges,
  withBindings,
  withoutBindings,
} from '../../../src/control/rules/port-change.ts'
import { recordedRanges, recordRanges, shownPorts } from '../../../src/control/rules/port-range.ts'
import { runOf } from '../../../src/control/rules/port-runs.ts'
import { checkPortBindings, portRequest } from '../../../src/control/rules/publish.ts'
import { type PublishWish, planPublishing, planRouted } from '../../../src/control/rules/publish-plan.ts'
import { config } from './records.ts'

/** What -p, --expose and -P ask for, in few words: `*:8080 > 80-82/tcp`. */
function plan(publish: readonly string[], expose: readonly string[] = [], publishAll = false): string[] {
  const { PortBindings, ExposedPorts } = portRequest(publish, expose)
  const ports = {
    portBindings: checkPortBindings(PortBindings),
    exposedPorts: Object.keys(ExposedPorts),
    publishAll,
  }
  return planPublishing(ports, '').map(wishText)
}

function wishText({ hostIp, host, first, last, protocol }: PublishWish): string {
  const place =
    host.kind === 'any' ? 'any' : host.kind === 'fixed' ? host.first : `${host.first}-${host.last}`
  return `${hostIp || '*'}:${place} > ${first}-${last}/${protocol}`
}

describe('planPublishing', () => {
  const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['80'], ['*:any > 80-80/tcp']],
    [['80/udp'], ['*:any > 80-80/udp']],
    [['80/UDP'], ['*:any > 80-80/udp']],
    [['8080:80'], ['*:8080 > 80-80/tcp']],
    [['0:80'], ['*:any > 80-80/tcp']],
    [['127.0.0.1:8080:80'], ['127.0.0.1:8080 > 80-80/tcp']],
    [['127.0.0.1::80'], ['127.0.0.1:any > 80-80/tcp']],
    [['[::1]:8080:80'], ['::1:8080 > 80-80/tcp']],
    [['::1:8080:80'], ['::1:8080 > 80-80/tcp']],
    [['8000-8010:80'], ['*:8000-8010 > 80-80/tcp']],
    [['8000-8010:9000-9010'], ['*:8000 > 9000-9010/tcp']],
    [['3000-3005'], ['*:any > 3000-3005/tcp']],
    [['target=80,published=8080,protocol=udp'], ['*:8080 > 80-80/udp']],
    [
      ['80:80', '81:81', '83:83'],
      ['*:80 > 80-81/tcp', '*:83 > 83-83/tcp'],
    ],
    [
      ['80:80', '82:81'],
      ['*:80 > 80-80/tcp', '*:82 > 81-81/tcp'],
    ],
    [['80:80', '80:80'], ['*:80 > 80-80/tcp']],
    [
      ['80:80', '8080:80', '81:81'],
      ['*:80 > 80-81/tcp', '*:8080 > 80-80/tcp'],
    ],
    [
      ['80:80', '81:81/udp'],
      ['*:80 > 80-80/tcp', '*:81 > 81-81/udp'],
    ],
    [
      ['80:80', '127.0.0.1:81:81'],
      ['*:80 > 80-80/tcp', '127.0.0.1:81 > 81-81/tcp'],
    ],
    [
      ['80-82:80', '80-82:81'],
      ['*:80-82 > 80-80/tcp', '*:80-82 > 81-81/tcp'],
    ],
    // Who can only have one port is asked first.
    [
      ['79', '90-99:80', '81:81'],
      ['*:81 > 81-81/tcp', '*:90-99 > 80-80/tcp', '*:any > 79-79/tcp'],
    ],
  ]
  for (const [publish, expected] of cases) {
    it(publish.join(' and '), () => assert.deepEqual(plan(publish), expected))
  }

  it('publishes nothing that is only exposed, but with -P', () => {
    assert.deepEqual(plan(['80:80'], ['81-82', '53/udp']), ['*:80 > 80-80/tcp'])
    assert.deepEqual(plan(['80:80'], ['81-82', '53/udp', '9/sctp'], true).toSorted(), [
      '*:80 > 80-80/tcp',
      '*:any > 53-53/udp',
      '*:any > 81-82/tcp',
    ])
  })

  it('has the network’s address where none is said', () => {
    const ports = { portBindings: checkPortBindings({ '80/tcp': [{ HostPort: '80' }] }), publishAll: false }
    const [wish] = planPublishing({ ...ports, exposedPorts: [] }, '192.0.2.1')
    assert.equal(wish?.hostIp, '192.0.2.1')
  })

  it('refuses a range with its end before its start, and SCTP', () => {
    for (const spec of ['8010-8000:80', '90-80', '80-90:95-90']) {
      assert.throws(() => plan([spec]), { code: 'PORT_INVALID' }, spec)
    }
    assert.throws(() => plan(['80:80/sctp']), {
      code: 'PORT_INVALID',
      message: 'port 80/sctp cannot be published: only TCP and UDP are forwarded to sandboxes',
    })
  })

  it('has each port of a routed network once', () => {
    const portBindings = checkPortBindings({
      '80/tcp': [{ HostPort: '1' }, { HostPort: '2' }],
      '81/tcp': [{}],
    })
    const ranges = planRouted({ portBindings, publishAll: false, exposedPorts: [] })
    assert.deepEqual(recordRanges(ranges), { '80-81/tcp': [{ hostIp: '', hostPort: '' }] })
  })
})

const protocol = fc.constantFrom('tcp' as const, 'udp' as const)
const binding: fc.Arbitrary<PortBinding> = fc.record({
  hostIp: fc.constantFrom('', '127.0.0.1', '::'),
  hostPort: fc.constantFrom('', '8000', '8001', '8002', '8000-8002'),
})
const bindings = fc.dictionary(
  fc.tuple(fc.integer({ min: 80, max: 86 }), protocol).map(([port, name]) => `${port}/${name}`),
  fc.uniqueArray(binding, { maxLength: 3, minLength: 1, selector: (one) => `${one.hostIp} ${one.hostPort}` }),
)

describe('a plan', () => {
  it('is for each binding, and for nothing else', () => {
    fc.assert(
      fc.property(bindings, (portBindings) => {
        const wishes = planPublishing({ portBindings, publishAll: false, exposedPorts: [] }, '')
        const planned = wishes.flatMap(({ first, last, protocol: name, hostIp, host }) =>
          Array.from({ length: last - first + 1 }, (_, index) => {
            const hostPort =
              host.kind === 'any'
                ? ''
                : host.kind === 'fixed'
                  ? String(host.first + index)
                  : `${host.first}-${host.last}`
            return `${first + index}/${name} ${hostIp} ${hostPort}`
          }),
        )
        const wanted = Object.entries(portBindings).flatMap(([port, list]) =>
          list.map(({ hostIp, hostPort }) => `${port} ${hostIp} ${hostPort}`),
        )
        assert.deepEqual(planned.toSorted(), wanted.toSorted())
      }),
    )
  })
})

describe('ranges', () => {
  it('are kept and read back, and shown one by one', () => {
    const range = fc.record({
      protocol,
      first: fc.integer({ min: 1, max: 60_000 }),
      length: fc.integer({ min: 0, max: 20 }),
      hostIp: fc.constantFrom('', '192.0.2.1', '::1'),
      hostFirst: fc.integer({ min: 0, max: 60_000 }),
    })
    const key = (value: object): string => JSON.stringify(value)
    fc.assert(
      fc.property(fc.uniqueArray(range, { maxLength: 5, selector: key }), (list) => {
        const ranges = list.map(({ length, first, ...rest }) => ({ ...rest, first, last: first + length }))
        const read = recordedRanges(recordRanges(ranges))
        const plain = ({ protocol: name, first, last, hostIp, hostFirst }: (typeof ranges)[number]) =>
          `${name} ${first} ${last} ${hostIp} ${hostFirst}`
        assert.deepEqual(
          read.map((one) => plain(one as (typeof ranges)[number])).toSorted(),
          ranges.map(plain).toSorted(),
        )
        const count = ranges.reduce(
          (sum, { first, last, hostIp, hostFirst }) =>
            sum + (last - first + 1) * (hostIp === '' && hostFirst > 0 ? 2 : 1),
          0,
        )
        assert.equal(Object.values(shownPorts(recordRanges(ranges))).flat().length, count)
      }),
    )
  })
})

describe('a change of bindings', () => {
  it('that is taken back leaves what was', () => {
    fc.assert(
      fc.property(bindings, bindings, (first, second) => {
        const before = withBindings(config(), first)
        const fresh = Object.fromEntries(
          Object.entries(second).filter(([port]) => !Object.hasOwn(first, port)),
        )
        const after = withBindings(before, fresh)
        const selection: PortSelection = { bindings: {}, ports: Object.keys(fresh).map(runOf) }
        const { portBindings } = withoutBindings(after, selection, { name: 'c1', ports: {} })
        assert.deepEqual(portBindings, before.portBindings)
      }),
    )
  })

  it('takes the binding that has got the port', () => {
    const portBindings = {
      '80/tcp': [
        { hostIp: '', hostPort: '' },
        { hostIp: '', hostPort: '8000-8009' },
        { hostIp: '', hostPort: '8000' },
      ],
    }
    const ports = {
      '80/tcp': [
        { hostIp: '', hostPort: '8000' },
        { hostIp: '', hostPort: '8001' },
        { hostIp: '', hostPort: '32768' },
      ],
    }
    const without = (hostPort: string) =>
      withoutBindings(
        config({ portBindings }),
        { bindings: { '80/tcp': [{ hostIp: '', hostPort }] }, ports: [] },
        { name: 'c1', ports },
      ).portBindings['80/tcp']?.map((one) => one.hostPort)
    assert.deepEqual(without('32768'), ['8000-8009', '8000'])
    assert.deepEqual(without('8001'), ['', '8000'])
    assert.deepEqual(without('8000'), ['', '8000-8009'])
    assert.deepEqual(without('8000-8005'), [''])
    assert.equal(without(''), undefined)
    assert.throws(() => without('9999'), { code: 'PORT_NOT_PUBLISHED' })
  })

  it('means ports of a range one by one', () => {
    const range = { protocol: 'tcp', first: 80, last: 89, hostIp: '192.0.2.1', hostFirst: 8000 } as const
    const selection: PortSelection = {
      bindings: {
        '81/tcp': [{ hostIp: '', hostPort: '8001' }],
        '82/tcp': [{ hostIp: '192.0.2.2', hostPort: '' }],
        '85-87/tcp': [{ hostIp: '', hostPort: '8005-8007' }],
        '88-95/tcp': [{ hostIp: '', hostPort: '9008-9015' }],
      },
      ports: ['80/tcp', '83/udp'].map(runOf),
    }
    const left = remainingRanges(selection, [range]).get(range)
    assert.deepEqual(
      left?.map(({ first, last, hostFirst }) => [first, last, hostFirst]),
      [
        [82, 84, 8002],
        [88, 89, 8008],
      ],
    )
  })

  it('is told in few words', () => {
    assert.equal(portNames(['80/tcp', '81/tcp', '53/udp', '82/tcp']), '53/udp, 80-82/tcp')
  })
})
