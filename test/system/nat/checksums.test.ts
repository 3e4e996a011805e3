/**
 * Nobody finds a bad checksum: no kernel, and not tshark, which looks at what passes on the internet's side of the cable, on the
 * machine's, and in the sandboxes.
 *
 * `plain` has a TAP without offloads: what comes there has all its checksums, made by the switch where the sender has not.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { Recording } from '../support/capture.ts'
import { checksumErrors } from '../support/checksum-errors.ts'
import { compile } from '../support/compile.ts'
import { FAR, HOST, INTERNET, NatScene } from '../support/nat-scene.ts'
import { assertChecksums, type CheckedFile } from '../support/packet-tables.ts'
import { run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'

const SANDBOXES = ['red', 'web', 'plain'] as const
const PLACES = [...SANDBOXES, 'host', 'internet'] as const
const BYTES = '200000'

const WITHOUT_OFFLOAD = {
  NetworkingConfig: { EndpointsConfig: { blue: { DriverOpts: { 'tapwire.offload': 'false' } } } },
}

const skip =
  needsTap() ||
  needs('ip', 'ping', 'traceroute', 'ethtool', 'tcpdump', 'tshark', 'mergecap', 'cc', 'nsenter', 'setpriv')

/** Where checksums are left to interfaces, a frame has one when it has come to where nothing is left to anybody; who is in `open` leaves them. */
const VARIANTS = [
  { name: 'on', off: [], checked: ['plain'], open: undefined },
  {
    name: "on, but off at the machine's interface",
    off: ['host'],
    checked: ['plain', 'internet'],
    open: 'internet',
  },
  { name: 'off', off: ['red', 'web', 'internet'], checked: PLACES, open: undefined },
] as const

describe('checksums', { skip }, () => {
  let scene: NatScene
  let transfer: string
  /** A file for each place of each variant. */
  const recorded: CheckedFile[] = []
  before(async () => {
    transfer = compile('transfer')
    scene = await NatScene.start()
    await scene.daemon.do('network', 'create', 'blue')
    await scene.sandbox('red')
    await scene.sandbox('web', 'blue', ['9000:9000', '9000:9000/udp'])
    await scene.sandbox('plain', 'blue', ['9001:9000', '9001:9000/udp'], WITHOUT_OFFLOAD)
  })
  after(() => scene.stop())

  /** The relay's sockets for UDP take in no more than the kernel gives them for a start. */
  const RELAYED = ['-w', '16'] as const
  const send = async (
    from: string,
    to: string,
    address: string,
    port: string,
    ...window: readonly string[]
  ): Promise<void> => {
    const ends = [from, to].map((name) => namespacePath(scene.place(name).namespace!))
    const listen = ['-l', '9000'] as const
    await run({}, transfer, ...listen, 'tcp', ...ends, address, port, BYTES)
    await run({}, transfer, ...listen, ...window, '-d', '1400', 'udp', ...ends, address, port, BYTES)
    await run({}, transfer, ...listen, ...window, '-s', '-d', '1400', 'udp', ...ends, address, port, BYTES)
    await run({}, transfer, ...listen, '-w', '4', '-d', '9000', 'udp', ...ends, address, port, BYTES)
  }

  for (const { name, off, checked, open } of VARIANTS) {
    it(`with offloads ${name} are right for every kernel, in TCP, UDP, ICMP and what ICMP quotes`, async () => {
      // What one variant has turned off, those behind it have off as well.
      for (const place of off) await scene.on(place, 'ethtool', '-K', 'eth0', 'tx', 'off')
      const recordings = await Promise.all(
        checked.map(async (place) => ({ place, recording: await Recording.start(scene.place(place)) })),
      )
      for (const sandbox of SANDBOXES) {
        await send(sandbox, 'internet', INTERNET, '9000')
        await scene.on(sandbox, 'ping', '-n', '-c', '2', '-i', '0.01', '-s', '3001', FAR)
        // Errors about translated datagrams: the time, and then the port, is exceeded.
        await scene.on(sandbox, 'traceroute', '-n', '-q', '1', '-N', '1', '-w', '45', '-m', '3', FAR)
      }
      for (const from of ['internet', ...SANDBOXES]) {
        await send(from, 'web', HOST, '9000')
        await send(from, 'plain', HOST, '9001')
      }
      await send('host', 'plain', '127.0.0.1', '9001', ...RELAYED)
      const arrived = `eth.src != ${scene.internet.link('eth0')!.address}`
      for (const { place, recording } of recordings) {
        await recording.stop()
        const what = `${place}, offloads ${name}`
        const protocols = place === 'host' ? [] : ['tcp', 'udp', 'icmp']
        recorded.push({ what, file: recording.file, filter: place === open ? arrived : 'frame', protocols })
      }
      for (const place of PLACES) assert.deepEqual(await checksumErrors(scene.place(place)), [], place)
      assert.equal((await scene.drops())['ip-checksum'] ?? 0, 0)
    })
  }

  it('are right for tshark, wherever all of them are to be there', () => assertChecksums(recorded))
})
