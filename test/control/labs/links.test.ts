import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LabBench, StepList } from './lab-bench.ts'

const lab = (alice: string, bob = '', more = ''): string => `
networks: { web: { subnet: 10.1.0.0/24 } }
sandboxes:
  alice: { networks: { web: { ${alice} } } }
  bob: { networks: { web: { ${bob} } }, command: [serve] ${more} }
`

const HOSTS = (cable: string, uplink: string): string => `
hosts:
  left:
    uplink: ${uplink}
    networks: { web: { subnet: 10.1.0.0/24 } }
    sandboxes: { alice: { networks: { web: { link: { loss: 1% } } } } }
  right:
links:
  - { between: [left, right]${cable} }
`

/** What the switch does to the frames of each port, by its name in its namespace. */
function impairments(bench: LabBench): unknown[] {
  return [...bench.daemon.fabric.ports.values()].flatMap(({ namespace, impairment }) =>
    impairment === undefined || (impairment.from ?? impairment.to) === undefined
      ? []
      : [[namespace === '' ? 'host' : 'sandbox', impairment.from?.delayUs, impairment.to?.delayUs]],
  )
}

describe('the links of a lab', () => {
  it('come with its sandboxes', async () => {
    const bench = await LabBench.start()
    const text = lab('link: { delay: 10ms, to: { loss: 1% } }', 'link: { down: true }')
    await bench.up(text)
    assert.deepEqual(await bench.up(text), [])
    const { links } = await bench.daemon.controller.links()
    assert.deepEqual(
      links.map(({ place, from, to }) => [place, from.settings, to.settings]),
      [
        ['alice@web', { delay: '10ms' }, { delay: '10ms', loss: '1%' }],
        ['bob@web', { down: true }, { down: true }],
      ],
    )
    const { sandboxes } = bench.labs.status('lab')
    assert.deepEqual(sandboxes.find(({ name }) => name === 'bob')!.endpoints[0]!.link, {
      from: { down: true },
      to: { down: true },
    })
  })

  it('change while the sandboxes live on', async () => {
    const bench = await LabBench.start()
    await bench.up(lab('link: { delay: 10ms }', 'link: { loss: 1% }'))
    const ids = [bench.id('alice'), bench.id('bob')]
    const changed = lab('link: { from: { delay: 20ms } }')
    const expected = [
      'change link alice@web (from: delay 20ms; to: none)',
      'change link bob@web (frames pass as they are)',
    ]
    assert.deepEqual(await bench.plan(changed), expected)
    const steps = new StepList()
    assert.deepEqual(await bench.up(changed, 'lab', steps), expected)
    assert.deepEqual(steps.told, ['Change 2 links'])
    assert.deepEqual([bench.id('alice'), bench.id('bob')], ids)
    assert.deepEqual(impairments(bench), [['sandbox', 20_000, undefined]])
    assert.deepEqual(await bench.up(changed), [])
  })

  it('are what the file says again, whatever was done to them since', async () => {
    const bench = await LabBench.start()
    const text = lab('link: { delay: 10ms }')
    await bench.up(text)
    await bench.daemon.controller.setLink('alice', { to: { down: true } })
    await bench.daemon.controller.setLink('bob', { to: { down: true } })
    assert.deepEqual(await bench.up(text), [
      'change link alice@web (delay 10ms)',
      'change link bob@web (frames pass as they are)',
    ])
  })

  it('change before a sandbox starts that does not run, which is not made anew', async () => {
    const bench = await LabBench.start()
    await bench.up(lab('link: { delay: 10ms }'))
    const id = bench.id('alice')
    await bench.daemon.controller.stopSandbox('alice', {})
    assert.deepEqual(await bench.up(lab('link: { delay: 30ms }')), [
      'change link alice@web (delay 30ms)',
      'start sandbox alice',
    ])
    assert.equal(bench.id('alice'), id)
    assert.deepEqual(impairments(bench), [['sandbox', 30_000, 30_000]])
  })

  it('come with an endpoint that is connected anew', async () => {
    const bench = await LabBench.start()
    await bench.up(lab('link: { delay: 10ms }'))
    assert.deepEqual(await bench.up(lab('aliases: [a], link: { delay: 20ms }')), [
      'disconnect alice from web (its aliases have changed)',
      'connect alice to web (its aliases have changed)',
    ])
    assert.deepEqual(impairments(bench), [['sandbox', 20_000, 20_000]])
  })

  it('are saved as they are now', async () => {
    const bench = await LabBench.start()
    await bench.up(lab('link: { delay: 10ms }'))
    await bench.daemon.controller.setLink('bob', { to: { loss: '1%', seed: 7 } })
    const saved = await bench.labs.save('lab')
    assert.match(saved, /\n {6}web:\n {8}address: 10\.1\.0\.2\n {8}link:\n {10}delay: 10ms\n/)
    assert.match(saved, /\n {8}link:\n {10}to:\n {12}loss: 1%\n {12}seed: 7\n/)
    assert.equal(saved, await bench.labs.save('lab'))
    const copy = await LabBench.start()
    await copy.up(saved)
    assert.equal(await copy.labs.save('lab'), saved)
  })
})

describe('the links of hosts', () => {
  const UPLINK = '{ via: nic:eth0, link: { rate: 1mbit } }'

  /** A host's daemon is told its uplink on its command line, which nobody runs here. */
  async function start(): Promise<{ bench: LabBench; left: LabBench }> {
    const bench = await LabBench.start()
    const left = await LabBench.start()
    await left.daemon.controller.setUplink('nic:eth0')
    bench.hosts.benches.set('lab.left', left)
    return { bench, left }
  }

  it('are the cable, one way at each of its ends, the uplink, and those of the sandboxes inside', async () => {
    const { bench, left } = await start()
    const text = HOSTS(', link: { delay: 10ms, to: { delay: 20ms } }', UPLINK)
    const made = await bench.up(text)
    assert.ok(made.includes('left: change link uplink (rate 1mbit)'), made.join('\n'))
    assert.deepEqual(await bench.plan(text), [])
    assert.deepEqual(impairments(bench), [
      ['sandbox', 10_000, undefined],
      ['sandbox', 20_000, undefined],
    ])
    const inside = await left.daemon.controller.links()
    assert.deepEqual(
      inside.links.map(({ place, to }) => [place, to.settings]),
      [
        ['alice@web', { loss: '1%' }],
        ['uplink', { rate: '1mbit' }],
      ],
    )
  })

  it('change while the hosts live on', async () => {
    const { bench, left } = await start()
    await bench.up(HOSTS(', link: { delay: 10ms }', UPLINK))
    const ids = [bench.id('left'), bench.id('right')]
    assert.deepEqual(await bench.up(HOSTS('', 'nic:eth0')), [
      'change link left@left-right (frames pass as they are)',
      'change link right@left-right (frames pass as they are)',
      'left: change link uplink (frames pass as they are)',
    ])
    assert.deepEqual([bench.id('left'), bench.id('right')], ids)
    assert.deepEqual([impairments(bench), left.daemon.fabric.uplinkImpairment], [[], undefined])
  })

  it('are saved, the cable as what its ends do', async () => {
    const { bench, left } = await start()
    await bench.up(HOSTS(', link: { delay: 10ms }', UPLINK))
    await left.daemon.controller.setLink('uplink', { from: { down: true } })
    await bench.daemon.controller.setLink('right', {})
    await bench.daemon.controller.adjustLink('left', 'to', { loss: '1%' })
    const saved = await bench.labs.save('lab')
    assert.match(saved, /\n {4}uplink:\n {6}via: nic:eth0\n {6}link:\n {8}from:\n {10}down: true\n/)
    assert.match(saved, /\nlinks:\n(?: .*\n)*? {4}link:\n {6}from:\n {8}delay: 10ms\n {6}to:\n {8}loss: 1%\n/)
    await bench.daemon.controller.setLink('right', { to: { down: true } })
    assert.match(await bench.labs.save('lab'), /^# WARNING: Link left-right is saved in part: /)
  })
})
