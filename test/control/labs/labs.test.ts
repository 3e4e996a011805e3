import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode, TapwireError } from '../../../src/control/errors.ts'
import { LabBench, StepList } from './lab-bench.ts'

const DEMO = `
networks: { web: { subnet: 10.1.0.0/24 }, other: }
sandboxes:
  alice: { networks: [web] }
  bob: { networks: { web: { address: 10.1.0.7 }, other: }, command: [serve] }
`

async function rejection(promise: Promise<unknown>): Promise<TapwireError> {
  try {
    await promise
  } catch (error) {
    assert.ok(error instanceof TapwireError, String(error))
    return error
  }
  throw new assert.AssertionError({ message: 'it was expected to fail' })
}

describe('up', () => {
  it('makes what is not there, says so, and has nothing to do the second time', async () => {
    const bench = await LabBench.start()
    const planned = await bench.plan(DEMO)
    assert.deepEqual(planned, [
      'create network web',
      'create network other',
      'create sandbox alice',
      'create sandbox bob',
    ])
    const steps = new StepList()
    assert.deepEqual(await bench.up(DEMO, 'lab', steps), planned)
    assert.deepEqual(steps.told, ['Make 2 networks', 'Make 2 sandboxes'])
    assert.deepEqual(bench.sandboxes(), [
      'alice idle eth0 web 10.1.0.2/24 02:42:0a:01:00:02',
      'bob running eth0 web 10.1.0.7/24 02:42:0a:01:00:07',
      'bob running eth1 other 10.1.1.2/24 02:42:0a:01:01:02',
    ])
    const again = new StepList()
    assert.deepEqual(await bench.up(DEMO, 'lab', again), [])
    assert.deepEqual(again.told, [])
  })

  it('touches only what has changed', async () => {
    const bench = await LabBench.start()
    await bench.up(DEMO)
    const ids = [bench.id('alice'), bench.id('bob')]
    const changed = `
networks: { web: { subnet: 10.1.0.0/24 }, third: { subnet: 10.9.0.0/24 } }
sandboxes:
  alice: { networks: { web: , third: { aliases: [a] } } }
  bob: { networks: { web: { address: 10.1.0.8 } }, command: [serve] }
  carol: { networks: [third] }
`
    assert.deepEqual(await bench.up(changed), [
      'disconnect bob from other',
      'disconnect bob from web (its address has changed)',
      'remove network other',
      'create network third',
      'connect alice to third',
      'connect bob to web (its address has changed)',
      'create sandbox carol',
    ])
    assert.deepEqual([bench.id('alice'), bench.id('bob')], ids, 'neither was made anew')
    assert.deepEqual(bench.sandboxes(), [
      'alice idle eth0 web 10.1.0.2/24 02:42:0a:01:00:02',
      'alice idle eth1 third 10.9.0.2/24 02:42:0a:09:00:02',
      'bob running eth0 web 10.1.0.8/24 02:42:0a:01:00:08',
      'carol idle eth0 third 10.9.0.3/24 02:42:0a:09:00:03',
    ])
    assert.deepEqual(await bench.up(changed), [])
  })

  it('lets two sandboxes change their addresses', async () => {
    const bench = await LabBench.start()
    const text = (a: number, b: number): string =>
      `networks: { web: }\nsandboxes:\n  aa: { networks: { web: { address: 10.1.0.${a} } } }\n  bb: { networks: { web: { address: 10.1.0.${b} } } }\n`
    await bench.up(text(5, 6))
    assert.equal((await bench.up(text(6, 5))).length, 4)
    assert.deepEqual(bench.sandboxes(), [
      'aa idle eth0 web 10.1.0.6/24 02:42:0a:01:00:06',
      'bb idle eth0 web 10.1.0.5/24 02:42:0a:01:00:05',
    ])
  })

  it('makes anew what cannot change, and keeps those that are on it', async () => {
    const bench = await LabBench.start()
    await bench.up(DEMO)
    const alice = bench.id('alice')
    const bob = bench.id('bob')
    const changed = DEMO.replace('10.1.0.0/24 }', '10.1.0.0/24, mtu: 9000 }').replace(
      '[serve]',
      '[serve, more]',
    )
    assert.deepEqual(await bench.up(changed), [
      'disconnect alice from web (the network is made anew)',
      'recreate network web (its settings have changed)',
      'connect alice to web (the network is made anew)',
      'recreate sandbox bob (its settings have changed)',
    ])
    assert.equal(bench.id('alice'), alice)
    assert.notEqual(bench.id('bob'), bob)
    assert.deepEqual(await bench.up(changed), [])
  })

  it('starts what has ended, and makes it anew where its networks are others by now', async () => {
    const bench = await LabBench.start()
    await bench.up(DEMO)
    const id = bench.id('bob')
    bench.machine.end(id, 3)
    await bench.machine.pass(0)
    assert.deepEqual(await bench.up(DEMO), ['start sandbox bob'])
    assert.equal(bench.id('bob'), id)
    bench.machine.end(id, 3)
    await bench.machine.pass(0)
    assert.deepEqual(await bench.up(DEMO.replace('10.1.0.7', '10.1.0.9')), [
      'recreate sandbox bob (its settings have changed)',
    ])
    assert.notEqual(bench.id('bob'), id)
  })

  it('makes a sandbox anew that had ended when its network was removed by hand', async () => {
    for (const isMadeAgain of [false, true]) {
      const bench = await LabBench.start()
      await bench.up(DEMO)
      const { controller } = bench.daemon
      bench.machine.end(bench.id('bob'), 0)
      await bench.machine.pass(0)
      const [other] = controller.listNetworks({ name: ['other'] })
      await controller.removeNetwork('other')
      if (isMadeAgain) {
        await controller.createNetwork({ Name: 'other', Labels: other!.Labels, IPAM: other!.IPAM })
      }
      assert.deepEqual(await bench.up(DEMO), [
        ...(isMadeAgain
          ? ['start sandbox bob']
          : ['create network other', 'recreate sandbox bob (a network of it is gone)']),
      ])
      assert.deepEqual(bench.sandboxes().slice(1), [
        'bob running eth0 web 10.1.0.7/24 02:42:0a:01:00:07',
        'bob running eth1 other 10.1.1.2/24 02:42:0a:01:01:02',
      ])
      assert.deepEqual(await bench.up(DEMO), [])
    }
  })

  it('undoes what was changed by hand', async () => {
    const bench = await LabBench.start()
    await bench.up(DEMO)
    const { controller } = bench.daemon
    await controller.disconnect('web', { Container: 'alice' })
    await controller.connect('other', { Container: 'alice' })
    await controller.renameSandbox('bob', 'robert')
    assert.deepEqual(await bench.up(DEMO), [
      'remove sandbox robert',
      'disconnect alice from other',
      'connect alice to web',
      'create sandbox bob',
    ])
    assert.deepEqual(await bench.up(DEMO), [])
  })

  it('begins those that share a network after the one whose it is, and follows it', async () => {
    const bench = await LabBench.start()
    const text = (command: string): string => `
networks: { web: }
sandboxes:
  cc: { network_mode: 'container:bb' }
  bb: { network_mode: 'container:aa' }
  aa: { networks: [web], command: [${command}] }
  dd: { network_mode: host }
  ee: { network_mode: bridge }
`
    const steps = new StepList()
    await bench.up(text('one'), 'lab', steps)
    assert.deepEqual(steps.told, ['Make 1 network', 'Make 3 sandboxes', 'Make 1 sandbox', 'Make 1 sandbox'])
    assert.deepEqual(await bench.up(text('one')), [])
    assert.deepEqual(await bench.up(text('two')), [
      'recreate sandbox aa (its settings have changed)',
      'recreate sandbox bb (it shares the network of aa)',
      'recreate sandbox cc (it shares the network of bb)',
    ])
    assert.deepEqual(await bench.up(text('two')), [])
  })

  it('refuses what others have, names them, and does nothing', async () => {
    const bench = await LabBench.start()
    await bench.up(DEMO, 'first')
    await bench.daemon.controller.createSandbox('carol', {})
    const text = `
networks: { web: { subnet: 10.7.0.0/24 }, mine: { subnet: 10.1.0.128/25 } }
sandboxes: { alice: { networks: [] }, carol: { networks: [] } }
`
    const error = await rejection(bench.up(text, 'second'))
    assert.equal(error.code, ErrorCode.labConflict)
    assert.equal(
      error.message,
      "Lab 'second' is in conflict with what is there: there is a network 'web' of lab 'first', and 2 more conflicts.",
    )
    const one = await rejection(bench.up('sandboxes: { carol: { networks: [] } }', 'second'))
    assert.match(one.message, /there is a sandbox 'carol' which no lab has made\.$/)
    const two = await rejection(bench.up('networks: { mine: { subnet: 10.1.0.128/25 } }', 'second'))
    assert.match(
      two.message,
      /subnet 10\.1\.0\.128\/25 of network 'mine' overlaps 10\.1\.0\.0\/24 of network 'web' of lab 'first'\.$/,
    )
    assert.deepEqual(
      bench.labs.list().map(({ name }) => name),
      ['first'],
    )
  })

  it('does not pull a network away from the sandboxes of others', async () => {
    const bench = await LabBench.start()
    await bench.up(DEMO)
    const { controller } = bench.daemon
    await controller.createSandbox('carol', { HostConfig: { NetworkMode: 'other' } })
    await controller.startSandbox('carol')
    const without = DEMO.replace(', other: }', ' }').replace(', other: }', ' }')
    const error = await rejection(bench.up(without))
    assert.match(
      error.message,
      /network 'other' has to go, and sandbox 'carol' which no lab has made is on it/,
    )
    assert.equal((await rejection(bench.down())).code, ErrorCode.labConflict)
    await controller.removeSandbox('carol', { force: true })
    assert.deepEqual(await bench.up(without), ['disconnect bob from other', 'remove network other'])
  })

  it('says what is done and what is not where a step fails, and goes on from there', async () => {
    const bench = await LabBench.start()
    await bench.up(DEMO)
    await bench.down()
    const total = bench.machine.steps.length
    assert.ok(total > 10)
    for (let step = 1; ; step++) {
      const failing = await LabBench.start()
      failing.machine.failAt(step)
      let error: TapwireError | undefined
      try {
        await failing.up(DEMO)
      } catch (caught) {
        assert.ok(caught instanceof TapwireError, String(caught))
        error = caught
      }
      failing.machine.failAt(0)
      if (error === undefined) {
        assert.ok(step > 10, `only ${step} steps`)
        break
      }
      assert.equal(error.code, ErrorCode.labIncomplete)
      assert.match(
        error.message,
        /^Lab 'lab' is as wanted only in part: could not make (network|sandbox) \w+: /,
      )
      assert.match(error.hint ?? '', /^\d of 4 are done; not done: make /)
      await failing.up(DEMO)
      assert.deepEqual(failing.sandboxes(), [
        'alice idle eth0 web 10.1.0.2/24 02:42:0a:01:00:02',
        'bob running eth0 web 10.1.0.7/24 02:42:0a:01:00:07',
        'bob running eth1 other 10.1.1.2/24 02:42:0a:01:01:02',
      ])
      assert.deepEqual(await failing.up(DEMO), [])
    }
  })

  it('does one thing at a time for a lab', async () => {
    const bench = await LabBench.start()
    const [first, second] = await Promise.all([bench.up(DEMO), bench.up(DEMO)])
    assert.deepEqual([first.length, second], [4, []])
  })

  it('begins nothing more once it is interrupted', async () => {
    const bench = await LabBench.start()
    const { parseLab } = await import('../../../src/control/lab-file.ts')
    const interrupt = new AbortController()
    const promise = bench.labs.up(parseLab(DEMO, 'lab.yaml', '/'), new StepList(), interrupt.signal)
    interrupt.abort()
    const error = await rejection(promise)
    assert.equal(error.code, ErrorCode.labIncomplete)
    assert.deepEqual(await bench.up(DEMO).then((done) => done.length > 0), true)
  })
})

describe('down', () => {
  it('removes what is the lab’s, and nothing else', async () => {
    const bench = await LabBench.start()
    await bench.up(DEMO)
    await bench.up('networks: { mine: { subnet: 10.7.0.0/24 } }', 'second')
    await bench.daemon.controller.createSandbox('carol', {})
    const steps = new StepList()
    await bench.down('lab', steps)
    assert.deepEqual(steps.told, ['Remove 2 sandboxes', 'Remove 2 networks'])
    assert.deepEqual(
      bench.labs.list().map(({ name }) => name),
      ['second'],
    )
    assert.equal(bench.daemon.controller.inspectSandbox('carol').Name.replace('/', ''), 'carol')
    const error = await rejection(bench.down('lab'))
    assert.deepEqual([error.code, error.message], [ErrorCode.labUnknown, "There is no lab 'lab'."])
  })
})

describe('hosts', () => {
  const TWO = `
hosts:
  left: { networks: { web: }, sandboxes: { alice: { networks: [web] } } }
  right: { networks: { web: }, sandboxes: { bob: { networks: [web] } } }
links:
  - between: [left, right]
`

  it('are sandboxes with daemons of their own, whose part comes after them and goes before them', async () => {
    const bench = await LabBench.start()
    const planned = await bench.plan(TWO)
    assert.deepEqual(planned, [
      'create network left-right',
      'create host left',
      'create host right',
      'left: create network web',
      'left: create sandbox alice',
      'right: create network web',
      'right: create sandbox bob',
    ])
    const steps = new StepList()
    assert.deepEqual(await bench.up(TWO, 'lab', steps), planned)
    assert.deepEqual(steps.told.slice(0, 2), ['Make 1 network', 'Make 2 sandboxes'])
    assert.ok(steps.told.includes('left: Make 1 sandbox'))
    assert.deepEqual(await bench.up(TWO), [])
    assert.deepEqual(bench.hosts.benches.get('lab.right')?.sandboxes(), [
      'bob idle eth0 web 10.1.1.2/24 02:42:0a:01:01:02',
    ])
    const { hosts, sandboxes } = bench.labs.status('lab')
    assert.deepEqual(sandboxes, [])
    assert.deepEqual(
      hosts
        .map(({ name, state, socket, endpoints }) => [name, state, socket, endpoints[0]?.address].join(' '))
        .toSorted(),
      ['left running /hosts/lab.left 10.0.0.2', 'right running /hosts/lab.right 10.0.0.3'],
    )
    assert.deepEqual(await bench.up(TWO.replace('alice', 'anna')), [
      'left: remove sandbox alice',
      'left: create sandbox anna',
    ])
    const end = new StepList()
    await bench.down('lab', end)
    assert.deepEqual(end.told.slice(-2), ['Remove 2 sandboxes', 'Remove 1 network'])
    assert.ok(end.told.includes('right: Remove 1 network'))
    assert.equal(bench.hosts.benches.size, 0)
  })

  it('whose daemons do not answer end by force, which is told', async () => {
    const bench = await LabBench.start()
    await bench.up('hosts: { left: { networks: { inner: } } }\n')
    bench.hosts.silent = true
    const steps = new StepList()
    await bench.down('lab', steps)
    assert.deepEqual(steps.told, ['left: End by force', 'Remove 1 sandbox'])
    assert.deepEqual(bench.daemon.controller.listSandboxes({ all: true, filters: {} }), [])
  })

  it('are known by their labels, whatever they are called by now', async () => {
    const bench = await LabBench.start()
    await bench.up('hosts: { left: { networks: { inner: } } }\n')
    await bench.daemon.controller.renameSandbox('left', 'other')
    assert.equal(bench.labs.status('lab').hosts[0]!.socket, '/hosts/lab.left')
    await bench.down()
    assert.equal(bench.hosts.benches.size, 0)
  })

  it('that are no longer wanted end with what is in them', async () => {
    const bench = await LabBench.start()
    const three = `${TWO}  - between: [left, far]\n`.replace('hosts:', 'hosts:\n  far:')
    await bench.up(three)
    assert.deepEqual(
      await bench.up('hosts: { left: , far: }\nlinks: [{ between: [left, far], subnet: 10.0.1.0/24 }]'),
      [
        'remove host right',
        'disconnect left from left-right',
        'remove network left-right',
        'left: remove sandbox alice',
        'left: remove network web',
      ],
    )
    assert.deepEqual([...bench.hosts.benches.keys()].toSorted(), ['lab.far', 'lab.left'])
  })
})
