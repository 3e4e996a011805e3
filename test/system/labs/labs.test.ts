/** Labs as desired state, on real daemons: up, changes, down, hosts with daemons of their own, and what dies under them. */

import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { LabStatus } from '../../../src/control/api/lab.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { isAlive } from '../support/leftovers.ts'
import { Program } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'ping', 'nsenter', 'setpriv')

/** Of a large lab. */
const MANY = Number(process.env['TAPWIRE_LAB_SANDBOXES'] ?? 60)

const NOTHING = { folders: [], links: [], shims: [], processes: [] }

const file = join(newFolder(), 'lab.yaml')
const write = (text: string): string => {
  writeFileSync(file, text)
  return file
}

const status = (daemon: ControlDaemon, lab = 'lab'): Promise<LabStatus> => daemon.call('GET', `/labs/${lab}`)

const ids = async (daemon: ControlDaemon): Promise<Record<string, string>> =>
  Object.fromEntries((await status(daemon)).sandboxes.map(({ name, id }) => [name, id]))

describe('a lab', { skip }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
  })
  after(() => daemon.stop())

  const FIRST = `
networks: { web: { subnet: 10.71.0.0/24 }, other: { subnet: 10.72.0.0/24 } }
sandboxes:
  alice: { networks: [web] }
  bob: { networks: [web], command: [sleep, infinity] }
  carol: { networks: [web, other], command: [sleep, '1000'] }
  dave: { networks: [other] }
`
  const SECOND = `
networks: { web: { subnet: 10.71.0.0/24 }, third: { subnet: 10.73.0.0/24 } }
sandboxes:
  alice: { networks: [web] }
  bob: { networks: [web, third], command: [sleep, infinity] }
  carol: { networks: [web], command: [sleep, '1001'] }
  erin: { networks: [third] }
`

  it('is what its file says, and nothing is done for what is so', async () => {
    const plan = await daemon.do('up', '--dry-run', write(FIRST))
    assert.equal(
      plan,
      'create network web\ncreate network other\ncreate sandbox alice\ncreate sandbox bob\ncreate sandbox carol\ncreate sandbox dave',
    )
    assert.equal((await daemon.ask('GET', '/labs/lab')).status, 404)
    assert.match(await daemon.do('up', file), /^Lab lab is up\.\n/)
    await daemon.do('exec', 'alice', 'ping', '-q', '-c', '1', '10.71.0.3')
    const before = await ids(daemon)
    assert.equal(await daemon.do('up', '--dry-run', file), 'Nothing to do.')
    assert.equal(await daemon.do('up', file), 'Nothing to do.')
    assert.deepEqual(await ids(daemon), before)
  })

  it('is changed where its file is, and what stays loses nothing', async () => {
    const before = await ids(daemon)
    const ping = new Program(daemon.place(before['alice']!), 'ping', '-n', '-i', '0.02', '10.71.0.3')
    await ping.printed(/icmp_seq=3 /)
    const pid = (await daemon.inspect('bob')).State.Pid
    assert.deepEqual((await daemon.do('up', '--dry-run', write(SECOND))).split('\n').toSorted(), [
      'connect bob to third',
      'create network third',
      'create sandbox erin',
      'recreate sandbox carol (its settings have changed)',
      'remove network other',
      'remove sandbox dave',
    ])
    await daemon.do('up', file)
    const last = [...ping.output.matchAll(/icmp_seq=(\d+)/g)].at(-1)![1]
    await ping.printed(new RegExp(`icmp_seq=${Number(last) + 5} `))
    assert.match((await ping.stop('SIGINT')).output, / 0% packet loss/)
    const { alice, bob, carol, erin, dave } = await ids(daemon)
    assert.deepEqual([alice, bob, dave], [before['alice'], before['bob'], undefined])
    assert.notEqual(carol, before['carol'])
    assert.ok(erin)
    assert.equal((await daemon.inspect('bob')).State.Pid, pid)
    await daemon.do(
      'exec',
      'erin',
      'ping',
      '-q',
      '-c',
      '1',
      (await daemon.endpoint('bob', 'third')).IPAddress,
    )
    assert.equal((await daemon.ask('GET', '/networks/other')).status, 404)
  })

  it('is saved as a file that has nothing left to do, and makes the same on another daemon', async () => {
    const saved = await daemon.do('save', 'lab')
    assert.equal(await daemon.do('up', '--dry-run', write(`${saved}\n`)), 'Nothing to do.')
    const other = await ControlDaemon.start()
    await other.do('up', file)
    assert.equal(await other.do('save', 'lab'), saved)
    await other.stop()
  })

  it('is refused as a whole where others have what it wants', async () => {
    const conflict = `name: second\nnetworks: { web: { subnet: 10.71.0.0/24 } }\nsandboxes: { alice: { networks: [web] } }\n`
    const { code, errors } = await daemon.attempt('up', write(conflict))
    assert.equal(code, 1)
    assert.match(errors, /lab 'lab'/)
    assert.equal((await daemon.ask('GET', '/labs/second')).status, 404)
  })

  it('goes down and leaves what others have', async () => {
    await daemon.network('mine', '10.74.0.0/24')
    await daemon.run('mine', { HostConfig: { NetworkMode: 'mine' } })
    await daemon.do('down', 'lab')
    assert.equal((await daemon.ask('GET', '/labs/lab')).status, 404)
    const { Id } = await daemon.inspect('mine')
    assert.deepEqual(daemon.traces().shims, [Id.slice(0, 12)])
    await daemon.do('rm', '-f', 'mine')
    await daemon.do('network', 'rm', 'mine')
  })

  it(`of ${MANY} sandboxes comes up, is complete, and goes down`, async () => {
    const names = Array.from({ length: MANY }, (_, index) => `sandbox${index}`)
    const sandboxes = names.map((name) => `  ${name}: { networks: [web] }\n`).join('')
    await daemon.do('up', write(`networks: { web: { subnet: 10.71.0.0/24 } }\nsandboxes:\n${sandboxes}`))
    const found = (await status(daemon)).sandboxes
    assert.deepEqual(found.map(({ name }) => name).toSorted(), names.toSorted())
    assert.equal(new Set(found.map(({ endpoints }) => endpoints[0]!.address)).size, MANY)
    await daemon.do(
      'exec',
      'sandbox0',
      'ping',
      '-q',
      '-c',
      '1',
      found.find(({ name }) => name === names.at(-1))!.endpoints[0]!.address,
    )
    await daemon.do('down', 'lab')
    assert.deepEqual(daemon.traces(), NOTHING)
  })
})

const HOSTS = `
hosts:
  left:
    networks: { web: { subnet: 10.1.0.0/24 } }
    sandboxes:
      alice: { networks: [web] }
      bob: { networks: [web], command: [sleep, infinity] }
  right:
    networks: { web: { subnet: 10.1.0.0/24 } }
    sandboxes: { alice: { networks: [web] } }
links: [{ between: [left, right], subnet: 10.9.0.0/24 }]
`

describe('a lab of two hosts', { skip }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
    await daemon.do('up', write(HOSTS))
  })
  after(() => daemon.stop())

  const inside = (host: string, ...args: string[]): Promise<string> => daemon.do('-H', `lab/${host}`, ...args)
  const talk = async (): Promise<void> => {
    await daemon.do('exec', 'left', 'ping', '-q', '-c', '1', '10.9.0.3')
    await inside('left', 'exec', 'alice', 'ping', '-q', '-c', '1', '10.1.0.3')
  }

  it('has a cable between them, and the same names and subnets in both', async () => {
    await talk()
    assert.equal(await inside('left', 'ps', '--format', '{{.Names}}').then(sorted), 'alice bob')
    assert.equal(await inside('right', 'ps', '--format', '{{.Names}}'), 'alice')
    assert.equal(await daemon.do('ps', '--format', '{{.Names}}').then(sorted), 'left right')
    const alone = await daemon.attempt(
      '-H',
      'lab/right',
      'exec',
      'alice',
      'ping',
      '-c',
      '1',
      '-W',
      '0.3',
      '10.1.0.3',
    )
    assert.equal(alone.code, 1, alone.output)
  })

  it('is changed inside a host, and the rest stays', async () => {
    const before = await inside('left', 'ps', '-q', '--no-trunc')
    const plan = await daemon.do(
      'up',
      '--dry-run',
      write(HOSTS.replace('{ alice: { networks: [web] } }', '{ erin: { networks: [web] } }')),
    )
    assert.deepEqual(plan.split('\n').toSorted(), [
      'right: create sandbox erin',
      'right: remove sandbox alice',
    ])
    await daemon.do('up', file)
    assert.equal(await inside('right', 'ps', '--format', '{{.Names}}'), 'erin')
    assert.equal(await inside('left', 'ps', '-q', '--no-trunc'), before)
  })

  it('goes on in its hosts while the outer daemon is killed, and under the next one', async () => {
    const pids = await sandboxesOfLeft()
    await daemon.kill()
    assert.ok(pids.every(isAlive))
    await daemon.again()
    assert.deepEqual(await sandboxesOfLeft(), pids)
    await talk()
  })

  it('has a host whose daemon was killed, which the next up begins anew', async () => {
    process.kill((await daemon.inspect('left')).State.Pid, 'SIGKILL')
    await until('the host has ended', async () => !(await daemon.inspect('left')).State.Running)
    assert.match(await daemon.do('up', '--dry-run', write(HOSTS)), /^start host left/)
    await daemon.do('up', file)
    await talk()
  })

  it('goes down with a host whose daemon is dead, and leaves nothing', async () => {
    process.kill((await daemon.inspect('right')).State.Pid, 'SIGKILL')
    await until('the host has ended', async () => !(await daemon.inspect('right')).State.Running)
    await daemon.do('down')
    assert.deepEqual(daemon.traces(), NOTHING)
    for (const host of ['left', 'right']) assert.ok(!existsSync(join(daemon.root, 'hosts', `lab.${host}`)))
  })

  const sandboxesOfLeft = async (): Promise<number[]> =>
    Promise.all(
      ['alice', 'bob'].map(async (name) => {
        const [{ Id }] = JSON.parse(await inside('left', 'inspect', name)) as [{ Id: string }]
        const holder = join(daemon.root, 'hosts/lab.left/sandboxes', Id.slice(0, 12), 'holder')
        return Number(readFileSync(holder, 'utf8').split(' ')[0])
      }),
    )
})

const sorted = (lines: string): string => lines.split('\n').toSorted().join(' ')
