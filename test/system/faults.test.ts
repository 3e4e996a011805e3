/**
 * What breaks under a running lab stays where it breaks:
 *
 *     alice  10.77.0.2 ──┐
 *     bob    10.77.0.3 ──┼── switch        carol is the one that things happen to
 *     carol  10.77.0.4 ──┘
 */

import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../support/requirements.ts'
import { ControlDaemon } from './support/control-daemon.ts'
import { EXPERIMENTAL, FrameSender, frameOf } from './support/frames.ts'
import type { LabPlan } from './support/lab-plan.ts'
import { tapDescriptors } from './support/leftovers.ts'
import { type Backend, LiveLab, type LiveLabOptions } from './support/live-lab.ts'
import { until } from './support/until.ts'

const skip = needsTap() || needs('ip', 'ping', 'cc', 'nsenter', 'setpriv', 'unshare')

const THREE: LabPlan = {
  networks: { red: {} },
  sandboxes: { alice: { on: ['red'] }, bob: { on: ['red'] }, carol: { on: ['red'] } },
}

const threeSandboxes = (options: LiveLabOptions): Promise<LiveLab> => LiveLab.up(THREE, options)

async function ping(lab: LiveLab, from: string, to: string): Promise<void> {
  await lab.exec(from, 'ping', '-q', '-c', '1', lab.address(to))
}

for (const io of ['io_uring', 'epoll'] as const satisfies Backend[]) {
  describe(`an interface over ${io}`, { skip }, () => {
    let lab: LiveLab
    before(async () => {
      lab = await threeSandboxes({ io })
    })
    after(() => lab.down())

    it('that is down gets nothing, each frame counted, and works when it is up again', async () => {
      await ping(lab, 'alice', 'carol')
      const frames = new FrameSender()
      const count = 10
      await lab.exec('carol', 'ip', 'link', 'set', 'eth0', 'down')
      const before = await dropsOf(lab, 'device-down')
      const frame = frameOf(lab.mac('carol'), lab.mac('alice'), EXPERIMENTAL, 'to one who is away')
      await frames.send(lab.place('alice'), 'eth0', ...Array.from({ length: count }, () => frame))
      await until('the frames are dropped', async () => (await dropsOf(lab, 'device-down')) >= before + count)
      await ping(lab, 'alice', 'bob')
      await lab.exec('carol', 'ip', 'link', 'set', 'eth0', 'up')
      await ping(lab, 'carol', 'alice')
      await ping(lab, 'bob', 'carol')
      await lab.accounted()
    })

    it('that is deleted is let go of with its stations, and the others go on', async () => {
      const descriptors = tapDescriptors(lab.daemon.pid)
      await lab.exec('carol', 'ip', 'link', 'delete', 'eth0')
      await until('its descriptor is closed', () => tapDescriptors(lab.daemon.pid) === descriptors - 1)
      const { stations } = await lab.fdb()
      assert.deepEqual(
        stations.filter(({ sandbox }) => sandbox === 'carol'),
        [],
      )
      await ping(lab, 'alice', 'bob')
      await lab.accounted()
    })
  })
}

async function dropsOf(lab: LiveLab, wanted: string): Promise<number> {
  const { drops } = await lab.stats()
  return drops.find(({ reason }) => reason === wanted)?.frames ?? 0
}

describe('a disk that is full', { skip }, () => {
  it('refuses what would have to be kept, loses nothing that was, and stops no frame', async () => {
    const lab = await threeSandboxes({ prelude: 'mount -t tmpfs -o size=512k,mode=700 none "$ROOT"' })
    const ballast = join(`/proc/${lab.daemon.pid}/root${lab.daemon.root}`, 'ballast')
    assert.throws(() => {
      for (;;) appendFileSync(ballast, Buffer.alloc(4096))
    }, /ENOSPC/)
    const { status, body } = await lab.daemon.ask('POST', '/networks', { Name: 'green' })
    assert.equal(status, 500, body)
    assert.match(body, /no space left on device/i)
    assert.equal((await lab.daemon.attempt('run', '-d', '--name', 'dave', 'true')).code, 125)
    assert.equal((await lab.daemon.ask('GET', '/networks/green')).status, 404)
    assert.equal((await lab.daemon.ask('GET', '/sandboxes/dave')).status, 404)
    await ping(lab, 'alice', 'carol')
    await lab.accounted()

    rmSync(ballast)
    await lab.daemon.call('POST', '/networks', { Name: 'green' })
    await lab.daemon.call('DELETE', '/networks/green')
    await lab.daemon.run('dave')
    await lab.daemon.do('rm', '-f', 'dave')
    await lab.down()
  })

  it('costs lines of the log, which says how many', async () => {
    const daemon = new ControlDaemon({
      args: ['--ready-fd', '1'],
      prelude: 'mount -t tmpfs -o size=512k,mode=700 none "$ROOT"',
    })
    await daemon.program.printed(/"ready":true/)
    const log = join(`/proc/${daemon.pid}/root${daemon.root}`, 'daemon.log')
    const reload = async (): Promise<void> => {
      const before = await reloads(daemon)
      daemon.program.child.kill('SIGHUP')
      await until('the configuration is reloaded', async () => (await reloads(daemon)) > before)
    }
    assert.throws(() => {
      for (;;) appendFileSync(log, Buffer.alloc(4096, 'x'))
    }, /ENOSPC/)
    const full = statSync(log).size
    await reload()
    assert.equal(statSync(log).size, full)
    truncateSync(log)
    await reload()
    const lines = readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { msg: string; lines?: number })
    assert.deepEqual(
      lines.map(({ msg, lines }) => [msg, lines]),
      [
        ['the configuration was reloaded', undefined],
        ['the log could not be written to; lines are missing', 1],
      ],
    )
    await daemon.stop()
  })
})

/** How often it has read its configuration again. */
async function reloads(daemon: ControlDaemon): Promise<number> {
  const now = new Date(Date.now() + 1).toISOString()
  const events = await daemon.do(
    'events',
    '--since',
    '1',
    '--until',
    now,
    '--format',
    '{{.Type}} {{.Action}}',
  )
  return events.match(/^daemon reload$/gm)?.length ?? 0
}
