/**
 * Nobody finds a bad checksum: no kernel, and not tshark, which looks at what passes on the internet's side of the cable, on the
 * machine's, and in the sandboxes.
 *
 * `plain` has a TAP without offloads: what comes there has all its checksums, made by the switch where the sender has not.
 */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { checksumErrors } from '../support/checksum-errors.ts'
import { compile } from '../support/compile.ts'
import { FAR, HOST, INTERNET, NatScene } from '../support/nat-scene.ts'
import type { Program } from '../support/program.ts'
import { run } from '../support/program.ts'
import { namespacePath, newFolder } from '../support/scene.ts'

const SANDBOXES = ['red', 'web', 'plain'] as const
const PLACES = [...SANDBOXES, 'host', 'internet'] as const
const BYTES = '200000'

const WITHOUT_OFFLOAD = {
  NetworkingConfig: { EndpointsConfig: { blue: { DriverOpts: { 'tapwire.offload': 'false' } } } },
}

const skip =
  needsTap() ||
  needs('ip', 'ping', 'traceroute', 'ethtool', 'tcpdump', 'tshark', 'mergecap', 'cc', 'nsenter', 'setpriv')

/** What has to be checked for a packet to be found bad, and what it is then. */
const CHECKED = ['ip', 'tcp', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`])
const BAD = ['ip', 'tcp', 'udp', 'icmp'].map((protocol) => `${protocol}.checksum.status == 0`).join(' || ')

/** Where checksums are left to interfaces, a frame has one when it has come to where nothing is left to anybody. */
const VARIANTS = [
  { name: 'on', off: [], checked: ['plain'], direction: 'in' },
  {
    name: "on, but off at the machine's interface",
    off: ['host'],
    checked: ['plain', 'internet'],
    direction: 'in',
  },
  { name: 'off', off: ['red', 'web', 'internet'], checked: PLACES, direction: 'inout' },
] as const

describe('checksums', { skip }, () => {
  let scene: NatScene
  let transfer: string
  /** A file for each place of each variant. */
  const recorded: Recording[] = []
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

  for (const { name, off, checked, direction } of VARIANTS) {
    it(`with offloads ${name} are right for every kernel, in TCP, UDP, ICMP and what ICMP quotes`, async () => {
      // What one variant has turned off, those behind it have off as well.
      for (const place of off) await scene.on(place, 'ethtool', '-K', 'eth0', 'tx', 'off')
      const captures = await Promise.all(
        checked.map((place) => startCapture(scene, place, `${place}, offloads ${name}`, direction)),
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
      for (const capture of captures) {
        await capture.program.stop('SIGINT')
        recorded.push(capture)
      }
      for (const place of PLACES) assert.deepEqual(await checksumErrors(scene.place(place)), [], place)
      assert.equal((await scene.drops())['ip-checksum'] ?? 0, 0)
    })
  }

  it('are right for tshark, wherever all of them are to be there', async () => {
    const all = join(newFolder(), 'all.pcapng')
    await run({}, 'mergecap', '-a', '-I', 'none', '-w', all, ...recorded.map(({ file }) => file))
    // One behind the other, and each an interface of its own.
    const filters = recorded.flatMap((_, index) => {
      const own = `frame.interface_id == ${index}`
      return [own, `${own} && (${BAD})`]
    })
    const tables = filters.flatMap((filter) => ['-z', `io,phs,${filter}`])
    const said = await run({}, 'tshark', '-n', '-r', all, ...CHECKED, '-q', ...tables)
    const table = (filter: string): string => {
      const found = said.split('Filter: ').find((text) => text.startsWith(`${filter}\n`))
      return found ?? assert.fail(`no table of ${filter}: ${said}`)
    }
    for (const [index, { place, what }] of recorded.entries()) {
      const [own = '', bad = ''] = filters.slice(2 * index)
      assert.doesNotMatch(table(bad), /frames:/, what)
      for (const protocol of ['tcp', 'udp', 'icmp']) {
        if (place !== 'host') assert.match(table(own), new RegExp(`\\b${protocol}\\b.*frames:`), what)
      }
    }
  })
})

interface Recording {
  readonly place: string
  /** Where and when it was made. */
  readonly what: string
  readonly file: string
  readonly program: Program
}

async function startCapture(
  scene: NatScene,
  place: string,
  what: string,
  direction: string,
): Promise<Recording> {
  const file = join(newFolder(), `${place}.pcap`)
  const options = [
    '-i',
    'eth0',
    '-Q',
    direction,
    '-U',
    '--immediate-mode',
    '-B',
    '65536',
    '-Z',
    'root',
    '-w',
    file,
  ]
  const program = scene.begin(place, 'tcpdump', ...options)
  await program.printed(/listening on/)
  return { place, what, file, program }
}
