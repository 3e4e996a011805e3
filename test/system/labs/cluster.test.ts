/** A lab whose hosts are one cluster, on real daemons with a real etcd: up, changes, deaths, down. */

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { isAlive } from '../support/leftovers.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('etcd', 'ip', 'ping', 'getent', 'nsenter', 'setpriv')

const LAB = `
hosts:
  left: { sandboxes: { alice: { networks: [web] } } }
  right: { sandboxes: { bob: { networks: [web] } } }
links: [{ between: [left, right], subnet: 10.9.0.0/24 }]
cluster: { networks: { web: { subnet: 10.81.0.0/24 } } }
`

const CHANGED = LAB.replace('{ web: { subnet: 10.81.0.0/24 } }', '{ web: { subnet: 10.82.0.0/24 }, spare: }')

describe('a lab whose hosts are a cluster', { skip }, () => {
  const file = join(newFolder(), 'lab.yaml')
  const write = (text: string): string => {
    writeFileSync(file, text)
    return file
  }
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
    await daemon.do('up', write(LAB))
  })
  after(() => daemon.stop())

  const inside = (host: string, ...args: string[]): Promise<string> => daemon.do('-H', `lab/${host}`, ...args)
  const pidOf = async (name: string): Promise<number> => (await daemon.inspect(name)).State.Pid
  const talk = async (): Promise<void> => {
    const { output } = await daemon.attempt('-H', 'lab/left', 'exec', 'alice', 'ping', '-c', '1', 'bob')
    assert.match(output, / 0% packet loss/)
  }

  it('has one network on both hosts, with the names of both', async () => {
    await talk()
    assert.match(await inside('right', 'exec', 'bob', 'getent', 'ahostsv4', 'alice'), /^10\.81\.0\.2 /)
    assert.equal(await inside('right', 'exec', 'bob', 'cat', '/sys/class/net/eth0/mtu'), '1450')
    assert.match(await inside('left', 'overlay', 'peers'), /^HOST .*\nright +10\.9\.0\.3 +web +1450 +1 /)
  })

  it('is as its file says, and as the file that it is saved as', async () => {
    assert.equal(await daemon.do('up', '--dry-run', file), 'Nothing to do.')
    const saved = await daemon.do('save', 'lab')
    assert.equal(await daemon.do('up', '--dry-run', write(`${saved}\n`)), 'Nothing to do.')
  })

  it('has networks that change on all hosts, which go on', async () => {
    const before = await Promise.all(['left', 'right', 'etcd'].map(pidOf))
    assert.deepEqual((await daemon.do('up', '--dry-run', write(CHANGED))).split('\n').toSorted(), [
      'left: connect alice to web (the network is made anew)',
      'left: create network spare',
      'left: disconnect alice from web (the network is made anew)',
      'left: recreate network web (its settings have changed)',
      'right: connect bob to web (the network is made anew)',
      'right: disconnect bob from web (the network is made anew)',
    ])
    await daemon.do('up', file)
    assert.equal(await daemon.do('up', '--dry-run', file), 'Nothing to do.')
    assert.match(await inside('right', 'exec', 'bob', 'getent', 'ahostsv4', 'alice'), /^10\.82\.0\.2 /)
    await talk()
    assert.match(await inside('right', 'network', 'ls'), /\bspare +overlay\b/)
    await daemon.do('up', write(LAB))
    assert.doesNotMatch(await inside('right', 'network', 'ls'), /spare/)
    await talk()
    assert.deepEqual(await Promise.all(['left', 'right', 'etcd'].map(pidOf)), before)
  })

  it('comes back when its registry, a host and the outer daemon were killed', async () => {
    const ended = async (name: string): Promise<boolean> => !(await daemon.inspect(name)).State.Running
    process.kill(await pidOf('etcd'), 'SIGKILL')
    await until('etcd has ended', () => ended('etcd'))
    await talk()
    process.kill(await pidOf('right'), 'SIGKILL')
    await until('the host has ended', () => ended('right'))
    await daemon.kill()
    await daemon.again()
    const plan = await daemon.do('up', '--dry-run', write(LAB))
    assert.deepEqual(
      plan.split('\n').filter((line) => !line.includes(':')),
      ['start sandbox etcd', 'start host right'],
    )
    await daemon.do('up', file)
    await talk()
  })

  it('goes down, and leaves nothing', async () => {
    const pid = await pidOf('etcd')
    await daemon.do('down')
    assert.deepEqual(daemon.traces(), { folders: [], links: [], shims: [], processes: [] })
    assert.ok(!isAlive(pid))
    for (const name of ['left', 'right', 'etcd']) {
      assert.ok(!existsSync(join(daemon.root, 'hosts', `lab.${name}`)), name)
    }
  })
})
