/** A capture that is sent into a network of a running daemon: what its sandboxes see, and what the guard keeps from them. */

import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { pcapBytes } from '../../support/capture-bytes.ts'
import { address, packetFrame } from '../../support/packet-text.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { Capture } from '../support/capture.ts'
import { LiveLab } from '../support/live-lab.ts'
import { Program } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

const skip = needsTap() || needs('ip', 'tcpdump', 'curl')
const FRAMES = 100
/** Milliseconds between two frames: tcpdump, which is told each at once, has room for some 30 that wait. */
const DISTANCE_MS = 5

describe('a live replay', { skip }, () => {
  let lab: LiveLab
  before(async () => {
    lab = await LiveLab.up({
      networks: { lan: {} },
      sandboxes: { alice: { on: ['lan'] }, bob: { on: ['lan'] } },
    })
  })
  after(() => lab.down())

  it('arrives as though its senders had sent it', async () => {
    const [alice, bob] = [lab.address('alice'), lab.address('bob')]
    const frameOf = (line: string): Uint8Array => packetFrame(line, address(bob)).frame
    const packets = Array.from({ length: FRAMES }, (_, index) => ({
      atMs: index * DISTANCE_MS,
      frame: frameOf(`udp ${alice}:4000>${bob}:${1000 + index} via=${bob}`),
    }))
    const spoofed = { atMs: 0, frame: frameOf(`udp 192.0.2.9:4000>${bob}:9 via=${bob} from=${alice}`) }
    const path = join(newFolder(), 'capture.pcap')
    writeFileSync(path, pcapBytes([...packets, spoofed]))
    const capture = await Capture.start(lab.place('bob'), 'eth0', 'udp')
    const captured = join(newFolder(), 'captured.pcapng')
    const curl = ['--silent', '--no-buffer', '--unix-socket', lab.daemon.socket, '--output', captured]
    const query = `place=alice&filter=udp&count=${FRAMES + 1}`
    const recording = new Program({}, 'curl', ...curl, `http://localhost/capture?${query}`)
    await until('the capture has begun', () => (statSync(captured, { throwIfNoEntry: false })?.size ?? 0) > 0)
    const text = await lab.daemon.do('replay', path, '--live', 'lan', '--json')
    assert.equal((await recording.end()).code, 0)
    const lines = await lab.daemon.do('dissect', captured)
    assert.equal(lines.match(/: UDP, length/g)?.length, FRAMES + 1, lines)
    assert.match(lines, /# dropped: address-spoofed\. /)
    const { sent, drops } = JSON.parse(text)
    assert.equal(sent, FRAMES + 1)
    assert.deepEqual(
      drops.map(({ reason, frames }: { reason: string; frames: number }) => [reason, frames]),
      [['address-spoofed', 1]],
    )
    await capture.has(`> ${bob.replaceAll('.', '\\.')}\\.${1000 + FRAMES - 1}: UDP`)
    assert.doesNotMatch(capture.text, /192\.0\.2\.9/)
    await capture.stop()
  })
})
