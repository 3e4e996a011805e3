/** A recording holds what has passed before it is ended, also what still waits in the kernel then. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { readCapture } from '../../support/capture-contents.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { needs, needsRoot } from '../../support/requirements.ts'
import { Recording } from './capture.ts'
import { BROADCAST, EXPERIMENTAL, FrameSender, frameOf } from './frames.ts'

const skip = needsRoot() || needs('ip', 'tcpdump', 'cc', 'nsenter', 'setpriv')

describe('a recording', { skip }, () => {
  let here: NetworkNamespace
  let there: NetworkNamespace
  before(() => {
    here = new NetworkNamespace()
    there = new NetworkNamespace()
    here.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', there.name)
    for (const namespace of [here, there]) namespace.ip('link', 'set', 'eth0', 'up')
  })
  after(() => {
    here.remove()
    there.remove()
  })

  it('has every frame of both directions, in order, that has passed when it is ended', async () => {
    const sender = new FrameSender()
    for (const count of [1, 100, 2000]) {
      const recording = await Recording.start({ namespace: here.name })
      const sent: string[] = []
      for (const { name } of [here, there]) {
        const frames = Array.from({ length: count }, (_, index) =>
          frameOf(BROADCAST, '02:00:00:00:00:01', EXPERIMENTAL, `<${name} ${index}>`),
        )
        await sender.send({ namespace: name }, 'eth0', ...frames)
        sent.push(...frames)
      }
      await recording.stop()
      const { packets } = readCapture(readFileSync(recording.file))
      // The kernels look for neighbours meanwhile, of which they tell each other.
      const recorded = packets.map(({ bytes }) => bytes)
      assert.deepEqual(
        recorded.filter((frame) => frame.slice(24, 28) === EXPERIMENTAL),
        sent,
      )
    }
  })
})
