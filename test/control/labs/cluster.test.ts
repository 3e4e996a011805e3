/** Labs whose hosts are a cluster: the real control plane of each, on one registry in memory. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LabBench, StepList } from './lab-bench.ts'

const lab = (networks: string, more = ''): string => `
hosts:
  left: { sandboxes: { alice: { networks: [web] } } }
  right: { sandboxes: { bob: { networks: [web] } } }
links: [{ between: [left, right], subnet: 10.9.0.0/24 }]
cluster: { networks: { ${networks} }${more} }
`
const WEB = 'web: { subnet: 10.81.0.0/24 }'

const inside = (bench: LabBench, host: string, name = 'lab') => {
  const { daemon, labs } = bench.hosts.benches.get(`${name}.${host}`)!
  const shared = daemon.controller.listNetworks({}).filter(({ Driver }) => Driver === 'overlay')
  return {
    networks: shared.map(({ Name, IPAM }) => `${Name} ${IPAM.Config?.[0]?.Subnet}`).toSorted(),
    sandboxes: labs
      .status(name)
      .sandboxes.map(({ name: own, endpoints }) => `${own} ${endpoints[0]?.address}`),
  }
}

const keys = async (bench: LabBench): Promise<string[]> => {
  const { entries } = await bench.hosts.registries.connect().list('/')
  return entries.map(({ key }) => key)
}

describe('a lab with a cluster', () => {
  it('begins with its registry, and has its networks on all hosts', async () => {
    const bench = await LabBench.start()
    const steps = new StepList()
    assert.deepEqual((await bench.up(lab(WEB), 'lab', steps)).toSorted(), [
      'create host left',
      'create host right',
      'create network left-right',
      'create sandbox etcd',
      'left: create network web',
      'left: create sandbox alice',
      'right: create sandbox bob',
    ])
    assert.deepEqual(steps.told.slice(0, 3), ['Make 1 network', 'Make 1 sandbox', 'Make 2 sandboxes'])
    assert.deepEqual(inside(bench, 'left'), {
      networks: ['web 10.81.0.0/24'],
      sandboxes: ['alice 10.81.0.2'],
    })
    assert.deepEqual(inside(bench, 'right'), { networks: ['web 10.81.0.0/24'], sandboxes: ['bob 10.81.0.3'] })
    const { Config } = bench.daemon.controller.inspectSandbox('etcd')
    assert.deepEqual(Config.Cmd, ['registry', 'etcd', '10.9.0.254'])
    const host = bench.daemon.controller.inspectSandbox('right').Config.Cmd
    assert.deepEqual(host, ['daemon', 'lab.right', 'etcd://10.9.0.254:2379/lab', '10.9.0.3'])
    assert.deepEqual(bench.labs.status('lab').cluster, {
      name: 'lab',
      registry: { sandbox: 'etcd' },
      link: 'left-right',
    })
    assert.deepEqual(await bench.up(lab(WEB)), [])
  })

  it('has networks come, change and go while its hosts go on', async () => {
    const bench = await LabBench.start()
    await bench.up(lab(WEB))
    const before = ['left', 'right', 'etcd'].map((name) => bench.id(name))
    assert.deepEqual(await bench.up(lab(`${WEB}, more: { subnet: 10.82.0.0/24 }`)), [
      'left: create network more',
    ])
    assert.deepEqual(inside(bench, 'right').networks, ['more 10.82.0.0/24', 'web 10.81.0.0/24'])
    const done = await bench.up(lab('web: { subnet: 10.83.0.0/24 }'))
    assert.deepEqual(done.toSorted(), [
      'left: connect alice to web (the network is made anew)',
      'left: disconnect alice from web',
      'left: recreate network web (its settings have changed)',
      'left: remove network more',
      'right: connect bob to web',
      'right: disconnect bob from web',
    ])
    assert.deepEqual(inside(bench, 'right'), { networks: ['web 10.83.0.0/24'], sandboxes: ['bob 10.83.0.3'] })
    assert.deepEqual(
      ['left', 'right', 'etcd'].map((name) => bench.id(name)),
      before,
    )
    assert.deepEqual(await bench.plan(lab('web: { subnet: 10.83.0.0/24 }')), [])
  })

  it('keeps its networks where all of its hosts begin anew', async () => {
    const bench = await LabBench.start()
    await bench.up(lab(WEB))
    const first = lab(WEB).replace('hosts:', 'hosts:\n  first:').replace('[left,', '[first, left,')
    const done = await bench.up(first.replace('links: [{', 'links: [{ name: left-right,'))
    assert.deepEqual(done.filter((action) => action.includes(' host ')).toSorted(), [
      'create host first',
      'recreate host left (its settings have changed)',
      'recreate host right (its settings have changed)',
    ])
    assert.ok(!done.some((action) => action.includes('network web')), done.join('\n'))
    assert.deepEqual(inside(bench, 'left').networks, ['web 10.81.0.0/24'])
  })

  it('is saved as a file that means the same', async () => {
    const bench = await LabBench.start()
    const text = lab(
      `${WEB}, more: { subnet: 10.82.0.0/24, options: { vni: 5000 } }`,
      ', registry: { sandbox: store }, name: blue',
    )
    await bench.up(text)
    const saved = await bench.labs.save('lab')
    assert.match(saved, /^cluster:\n {2}name: blue\n {2}registry:\n {4}sandbox: store\n {2}networks:\n/m)
    assert.match(saved, / vni: "5000"\n/)
    assert.doesNotMatch(saved, /driver: overlay/)
    assert.deepEqual(await bench.plan(saved), [])
    const other = await LabBench.start()
    await other.up(saved)
    assert.equal(await other.labs.save('lab'), saved)
  })

  it('leaves nothing in a registry that outlives it', async () => {
    const bench = await LabBench.start()
    const text = lab(WEB, ', registry: etcd://10.9.0.99:2379/blue')
    await bench.up(text)
    assert.equal(bench.daemon.controller.listSandboxes({ all: true, filters: {} }).length, 2)
    assert.deepEqual(await bench.plan(await bench.labs.save('lab')), [])
    assert.ok((await keys(bench)).some((key) => key.includes('/networks/')))
    await bench.down()
    const left = (await keys(bench)).filter((key) => /\/(?:networks|vnis|addresses|endpoints)\//.test(key))
    assert.deepEqual(left, [])
  })

  it('goes down with the registry last', async () => {
    const bench = await LabBench.start()
    await bench.up(lab(WEB))
    const steps = new StepList()
    await bench.down('lab', steps)
    const removals = steps.told.filter((step) => /^Remove \d sandbox/.test(step))
    assert.deepEqual(removals, ['Remove 2 sandboxes', 'Remove 1 sandbox'])
    assert.equal(bench.daemon.controller.listSandboxes({ all: true, filters: {} }).length, 0)
  })
})
