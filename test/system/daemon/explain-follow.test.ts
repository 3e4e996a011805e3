/** `tapwire explain --follow` on a running daemon: what it tells of real packets while they pass. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { FrameStory } from '../../../src/inspect/story/frame-story.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { INTERNET, NatScene } from '../support/nat-scene.ts'
import type { Program } from '../support/program.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'ping', 'nsenter')

describe('explain --follow', { skip }, () => {
  let scene: NatScene
  before(async () => {
    scene = await NatScene.start()
    await scene.daemon.network('blue', '10.77.1.0/24')
    await scene.daemon.network('red', '10.77.2.0/24')
    await scene.sandbox('web', 'blue')
    await scene.sandbox('other', 'red')
  })
  after(() => scene.stop())

  const follow = (...args: string[]): Program => scene.daemon.begin('explain', '--follow', ...args)

  /** Stories of a ping, when there are any. */
  async function stories(program: Program, target: string): Promise<readonly FrameStory[]> {
    await until('it has begun', async () => {
      await scene.attempt('web', 'ping', '-c', '1', '-W', '1', target)
      return program.output.includes('\n')
    })
    const lines = program.output.split('\n').slice(0, -1)
    return lines.map((line) => JSON.parse(line) as FrameStory)
  }

  it('tells how a ping leaves by the uplink, with bytes before and after, and ends quietly on Ctrl-C', async () => {
    const program = follow('web', '--filter', 'icmp', '--json')
    const told = await stories(program, INTERNET)
    const story = told.find(
      ({ outcome, arrival }) => outcome === 'delivered' && arrival?.place.name === 'web',
    )
    assert.ok(story !== undefined, program.output)
    assert.equal(story.departures[0]!.place.kind, 'uplink')
    const changes = new Set(story.departures[0]!.changes.map(({ name }) => name))
    for (const name of ['eth.dst', 'eth.src', 'ip.ttl', 'ip.checksum', 'ip.src'])
      assert.ok(changes.has(name), name)
    assert.deepEqual([story.arrival!.problems, story.departures[0]!.problems], [[], []])
    assert.ok(
      story.steps.some(({ sentence }) => sentence.endsWith('by masquerading.')),
      program.output,
    )
    const { code, errors } = await program.stop('SIGINT')
    assert.deepEqual([code, errors], [0, ''])
  })

  it('tells why a ping to another network goes nowhere, as text', async () => {
    const address = await scene.address('other', 'red')
    const program = follow('web', '--filter', `icmp and dst host ${address}`, '-c', '1')
    await until('it is told', async () => {
      await scene.attempt('web', 'ping', '-c', '1', '-W', '1', address)
      return program.output.includes('It is dropped')
    })
    const { code, output } = await program.end()
    assert.equal(code, 0)
    assert.match(output, /^Frame \d+ /)
    assert.match(output, / {2}comes from web \(eth0 on blue\), 98 bytes\n/)
    assert.match(output, /It is dropped: network-isolated\./)
  })
})
