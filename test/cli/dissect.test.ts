/** tapwire dissect: what it prints of a capture, and what it says of files that are none. */

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { packetLine } from '../../src/inspect/dissect/line-writer.ts'
import { Direction } from '../../src/inspect/pcap/capture-file.ts'
import { type PacketSettings, PcapngWriter } from '../../src/inspect/pcap/pcapng-writer.ts'
import { readPcap } from '../support/pcap.ts'
import { repositoryRoot } from '../support/repository.ts'
import { CliHarness } from './cli-harness.ts'

const harness = new CliHarness()
after(() => harness.remove())

const LAN = join(repositoryRoot, 'test/fixtures/lan.pcap')
const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
const frames = readPcap(readFileSync(LAN))

const dissect = (...args: string[]): ReturnType<CliHarness['tapwire']> =>
  harness.tapwire(['dissect', ...args])
const linesOf = (text: string): string[] => text.trimEnd().split('\n')

describe('tapwire dissect', () => {
  it('prints a line for each packet', async () => {
    const { code, out, err } = await dissect(LAN, '--time', 'none')
    assert.deepEqual([code, err], [0, ''])
    assert.deepEqual(
      linesOf(out),
      frames.map((frame) => packetLine(frame)),
    )
  })

  it('prints the time, of UTC', async () => {
    const { out } = await dissect(LAN, '--packet', '12', '--time', 'date')
    assert.equal(out, '2026-11-21T08:46:57.251821Z ARP who-has 10.1.0.3 tell 10.1.0.2\n')
  })

  it('prints the packets that are chosen', async () => {
    const numbers = async (...args: string[]): Promise<number[]> => {
      const { out } = await dissect(LAN, '--json', ...args)
      return out === '' ? [] : linesOf(out).map((line) => (JSON.parse(line) as { number: number }).number)
    }
    assert.deepEqual(await numbers('--packet', '7'), [7])
    assert.deepEqual(await numbers('--packet', '7-9'), [7, 8, 9])
    assert.deepEqual(await numbers('--packet', '-2'), [1, 2])
    assert.deepEqual(await numbers('--packet', '151-'), [151])
    const none = await dissect(LAN, '--packet', '152')
    assert.deepEqual(
      [none.code, none.out, none.err],
      [1, '', 'tapwire: The capture has 151 packets: there is no packet 152.\n'],
    )
    assert.deepEqual(await numbers('--filter', 'arp', '--count', '3'), [12, 13])
    assert.deepEqual(await numbers('--filter', 'icmp', '--packet', '13-15', '--count', '1'), [14])
  })

  it('prints trees and bytes', async () => {
    const { out } = await dissect(LAN, '--packet', '12', '--tree', '--hex')
    assert.match(out, /^Packet 12, 2026-11-21T08:46:57\.251821Z, 42 bytes\nEthernet, /)
    assert.match(out, /\n0020 {2}00 00 00 00 00 00 0a 01 {2}00 03 {2,}\.{10}\n\n$/)
    const line = await dissect(LAN, '--packet', '12', '--hex')
    assert.match(line.out, /^08:46:57\.251821 ARP [^\n]*\n {4}0000 {2}ff ff ff ff ff ff/)
  })

  it('reads standard input', async () => {
    const file = readFileSync(LAN)
    // In odd pieces, as pipes have them.
    const pieces = Array.from({ length: Math.ceil(file.length / 777) }, (_, at) =>
      file.subarray(at * 777, (at + 1) * 777),
    )
    const { code, out } = await harness.tapwire(['dissect', '-', '--time', 'none'], {
      stdin: Readable.from(pieces),
    })
    assert.deepEqual([code, linesOf(out)], [0, frames.map((frame) => packetLine(frame))])
  })

  it('tells what the file is', async () => {
    const { out } = await dissect(LAN, '--summary')
    assert.match(out, /^Format: +pcap 2\.4, little-endian\nPackets: +151\n/)
    assert.match(out, /\n0 +Ethernet +151 /)
    const json = JSON.parse((await dissect(LAN, '--summary', '--json', '--filter', 'arp')).out) as {
      format: string
      packets: number
      bytes: number
    }
    assert.deepEqual([json.format, json.packets, json.bytes], ['pcap', 2, 84])
  })

  it('shows names, interfaces and comments of a pcapng file', async () => {
    const file = join(harness.folder, 'lab.pcapng')
    writeFileSync(file, labCapture())
    const { out } = await dissect(file, '--time', 'relative', '--filter', 'host web')
    assert.equal(
      out,
      '0.000000000 [web in] web > db: ICMP echo request, id 11025, seq 1, length 64\n' +
        '    # learned 6e:93:20:ee:8b:93 on web → db\n' +
        '1.500000000 [db out] web > db: ICMP echo request, id 11025, seq 1, length 64\n',
    )
    assert.match((await dissect(file, '--numeric')).out, / 10\.1\.0\.2 > 10\.1\.0\.3: /)
  })
})

describe('tapwire dissect says what is wrong', () => {
  it('with a file that was cut short, behind the packets before that', async () => {
    const file = join(harness.folder, 'cut.pcap')
    writeFileSync(file, readFileSync(LAN).subarray(0, 1000))
    const { code, out, err } = await dissect(file)
    assert.equal(code, 1)
    assert.ok(linesOf(out).length > 5)
    assert.match(
      err,
      /Cannot read .*cut\.pcap as a capture\. At byte \d+ of the capture the file ends inside of a packet.*\nhint: /,
    )
  })

  const cases: readonly [args: string[], code: number, err: RegExp][] = [
    [['nowhere.pcap'], 1, /Cannot read nowhere\.pcap: there is no such file/],
    [['/'], 1, /Cannot read \/: it is a folder/],
    [
      [join(repositoryRoot, 'package.json')],
      1,
      /package\.json as a capture\. At byte 0 of the capture is no pcap/,
    ],
    [[LAN, '--filter', 'tcp prot 80'], 1, /'prot' stands where .*:\n {4}tcp prot 80\n {8}\^\n/],
    [[LAN, '--filter', 'host web'], 1, /nothing is called 'web' here/],
    [[LAN, '--packet', '9-7'], 1, /'9-7' is no range/],
    [[LAN, '--packet', '0'], 1, /'0' is no range/],
    [[LAN, '--count', '0'], 1, /--count must be/],
    [[LAN, '--json', '--tree'], 1, /neither --tree nor --hex/],
    [[LAN, '--time', 'noon'], 125, /Allowed choices are date, clock/],
  ]
  for (const [args, expected, message] of cases) {
    it(`with ${args.join(' ')}`, async () => {
      const { code, err } = await dissect(...args)
      assert.equal(code, expected)
      assert.match(err, message)
    })
  }
})

describe('tapwire dissect as a process', () => {
  it('ends quietly where its reader has seen enough', async () => {
    const file = join(harness.folder, 'long.pcap')
    const capture = readFileSync(LAN)
    writeFileSync(file, Buffer.concat([capture, ...Array<Buffer>(100).fill(capture.subarray(24))]))
    const child = spawn(process.execPath, [MAIN, 'dissect', file], { stdio: ['ignore', 'pipe', 'pipe'] })
    let err = ''
    child.stderr.on('data', (data: Buffer) => (err += data.toString()))
    await once(child.stdout, 'data')
    child.stdout.destroy()
    const [code] = (await once(child, 'exit')) as [number]
    assert.deepEqual([code, err], [0, ''])
  })

  it('says that the disk is full', () => {
    const full = openSync('/dev/full', 'w')
    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'dissect', LAN], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    closeSync(full)
    assert.deepEqual([status, stderr], [1, 'tapwire: write to standard output: no space left on device\n'])
  })

  it('reads a pipe that somebody writes into', () => {
    const { status, stdout } = spawnSync(process.execPath, [MAIN, 'dissect', '-', '--count', '1'], {
      input: readFileSync(LAN),
    })
    assert.equal(status, 0)
    assert.match(stdout.toString(), /^\S+ :: > ff02::16: [^\n]*\n$/)
  })
})

/** Two interfaces with names, a comment and names of addresses, as Tapwire writes them. */
function labCapture(): Uint8Array {
  const pieces: Uint8Array[] = []
  const writer = new PcapngWriter((bytes) => pieces.push(bytes))
  const echo = frames[13]!
  const [web, db] = ['web', 'db'].map((name) => writer.addInterface({ name })) as [number, number]
  writer.names([
    { address: '10.1.0.2', names: ['web'] },
    { address: '10.1.0.3', names: ['db'] },
  ])
  const put = (port: number, seconds: number, nanoseconds: number, settings: PacketSettings): void =>
    writer.packet(port, seconds, nanoseconds, echo, 0, echo.length, echo.length, settings)
  const comments = ['learned 6e:93:20:ee:8b:93 on web → db']
  put(web, 1_700_000_001, 0, { direction: Direction.inbound, comments })
  put(db, 1_700_000_002, 500_000_000, { direction: Direction.outbound })
  writer.flush()
  return Buffer.concat(pieces)
}
