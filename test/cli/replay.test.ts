/** `tapwire replay`: into a lab in memory, and into an API served by this process. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { Direction } from '../../src/inspect/pcap/capture-file.ts'
import { packetsOf, pcapBytes, type TestPacket } from '../support/capture-bytes.ts'
import { address, packetFrame, packetLine } from '../support/packet-text.ts'
import { repositoryRoot } from '../support/repository.ts'
import { CliHarness, type CliResult } from './cli-harness.ts'
import { FakeControl } from './fake-control.ts'

const DEMO = join(repositoryRoot, 'examples/demo.yaml')
const TWO_HOSTS = join(repositoryRoot, 'examples/two-hosts.yaml')
const PROGRAM = join(repositoryRoot, 'dist/src/cli/main.js')

const frameOf = (packet: string, gateway = '10.1.0.1'): Uint8Array =>
  packetFrame(packet, address(gateway)).frame

/** From alice through the NAT to erin and back, a question, a stranger's, and one from an address that is not alice's. */
const PACKETS: readonly TestPacket[] = [
  { atMs: 0, frame: frameOf('arp 10.1.0.2 asks 10.1.0.1') },
  { atMs: 10.000_001, frame: frameOf('echo 10.1.0.2>203.0.113.2 id=7') },
  { atMs: 20, frame: frameOf('arp 203.0.113.2 tells 203.0.113.1') },
  { atMs: 1500, frame: frameOf('tcp 203.0.113.2:4000>203.0.113.1:80 syn', '203.0.113.1') },
  { atMs: 1600, frame: frameOf('echo 192.0.2.9>10.1.0.3 via=10.1.0.3') },
  { atMs: 1700, frame: frameOf('echo 10.1.0.9>10.1.0.3 via=10.1.0.3 from=10.1.0.2') },
]

let harness: CliHarness
let capture: string
before(() => {
  harness = new CliHarness()
  capture = join(harness.folder, 'in.pcap')
  writeFileSync(capture, pcapBytes(PACKETS))
})
after(() => harness.remove())

const replay = (...args: string[]): Promise<CliResult> => harness.tapwire(['replay', ...args])

describe('tapwire replay --lab', () => {
  it('says what came of the capture, in words', async () => {
    const { code, out, err } = await replay(capture, '--lab', DEMO)
    assert.match(err, /^6 packets in \d+\.\d\d s, [\d,]+ a second\n$/)
    assert.equal(code, 0)
    assert.equal(
      out,
      `${capture}: 6 packets over 1.7 s

  5  arrived where they came from
  1  come from nowhere in the lab, and were left out

   5  received
   6  copied, to go to several places
   6  made by the router itself
  13  transmitted
   2  for the router alone
   2  dropped

DROPPED   REASON
      1   address-spoofed    The packet's source is not an IP address that the sandbox was given.
      1   host-unreachable   Nobody on the network answers for the next address.

LEFT OUT   FROM                ADDRESS
       1   02:42:c0:00:02:09   192.0.2.9

Where the capture lacks the answers to ARP, --answer-arp makes them up, and packets get on.

2 connections begun.
`,
    )
  })

  it('says it as JSON', async () => {
    const { out } = await replay(capture, '--lab', DEMO, '--json')
    const { file, drops, unplaced, flows, transmitted } = JSON.parse(out)
    assert.deepEqual([file.read, file.placed, file.unplaced, flows, transmitted], [6, 5, 1, 2, 13])
    assert.deepEqual(
      drops.map(({ reason }: { reason: string }) => reason),
      ['address-spoofed', 'host-unreachable'],
    )
    assert.deepEqual(unplaced, [{ mac: '02:42:c0:00:02:09', address: '192.0.2.9', frames: 1 }])
  })

  it('writes what the data path did, with the names and comments of a live capture', async () => {
    const path = join(harness.folder, 'out.pcapng')
    await replay(capture, '--lab', DEMO, '--answer-arp', '-w', path)
    const packets = packetsOf(readFileSync(path))
    const lines = packets.map(({ interface: name, atNs, direction, frame }) => {
      const virtioHeader = new Uint8Array(10)
      const line = packetLine({ frame, virtioHeader }, undefined).replace(/ from=\S+/, '')
      return `${atNs / 1e6} ${name} ${direction === Direction.inbound ? '>' : '<'} ${line}`
    })
    assert.deepEqual(lines.slice(0, 6), [
      '0 alice.eth0@web > arp 10.1.0.2 asks 10.1.0.1',
      '0 alice.eth0@web < arp 10.1.0.1 tells 10.1.0.2',
      '10.000001 alice.eth0@web > echo 10.1.0.2>203.0.113.2 id=7 ttl=64 via=10.1.0.1',
      '10.000001 erin.eth0@internet < arp 203.0.113.1 asks 203.0.113.2',
      '10.000001 erin.eth0@internet > arp 203.0.113.2 tells 203.0.113.1',
      '10.000001 erin.eth0@internet < echo 203.0.113.1>203.0.113.2 id=7',
    ])
    assert.match(
      packets[2]!.comments.join('; '),
      /begins connection #0; SNAT 10\.1\.0\.2 id 7 → 203\.0\.113\.1 id 7/,
    )
    assert.match(packets.at(-1)!.comments.join(), /^dropped: address-spoofed/)
  })

  it('does the same with what it has written', async () => {
    const [first, second] = ['first', 'second'].map((name) => join(harness.folder, `${name}.pcapng`))
    await replay(capture, '--lab', DEMO, '--answer-arp', '-w', first!)
    const { out } = await replay(first!, '--lab', DEMO, '-w', second!, '--json')
    assert.equal(JSON.parse(out).file.unplaced, 0)
    assert.ok(readFileSync(first!).equals(readFileSync(second!)))
  })

  it('does the same in another place, at another time, to standard output, and byte for byte', async () => {
    const path = join(harness.folder, 'here.pcapng')
    const { out } = await replay(capture, '--lab', DEMO, '-w', path)
    const zone = process.env['TZ'] === 'Asia/Tokyo' ? 'UTC' : 'Asia/Tokyo'
    const program = promisify(execFile)
    const { stdout, stderr } = await program(
      process.execPath,
      [PROGRAM, 'replay', capture, '--lab', DEMO, '-w', '-'],
      { encoding: 'buffer', env: { ...process.env, TZ: zone, LANG: 'tr_TR' } },
    )
    assert.ok(readFileSync(path).equals(stdout))
    assert.ok(stderr.toString().includes(out), stderr.toString())
  })

  it('does the same with any seed, where nothing is left to chance', async () => {
    const outputs = ['0', '7', '-1'].map(
      async (seed) => (await replay(capture, '--lab', DEMO, '--seed', seed, '--json')).out,
    )
    const [one, ...others] = await Promise.all(outputs)
    for (const other of others) assert.equal(other, one)
  })

  it('fails where frames come from nowhere: all of them, or any where that is asked', async () => {
    assert.equal((await replay(capture, '--lab', DEMO, '--strict')).code, 1)
    const strangers = join(harness.folder, 'strangers.pcap')
    writeFileSync(strangers, pcapBytes([PACKETS[4]!]))
    const { code, err } = await replay(strangers, '--lab', DEMO)
    assert.equal(code, 1)
    assert.match(err, /1 frame could not be placed\. Say where they come from with --from-port\./)
    assert.equal((await replay(strangers, '--lab', DEMO, '--strict', '--from-port', 'erin')).code, 0)
  })

  const refused: [what: string, args: () => string[], error: RegExp][] = [
    ['no lab', () => [capture], /A replay needs a lab/],
    ['a lab with hosts', () => [capture, '--lab', TWO_HOSTS], /has hosts \(left, right\).*--lab-host left/s],
    [
      'no such place',
      () => [capture, '--lab', DEMO, '--from-port', 'eth0=alise'],
      /no place 'alise'.*did you mean 'alice'/s,
    ],
    [
      'a map that says nothing',
      () => [capture, '--lab', DEMO, '--from-port', '='],
      /does not say which frames/,
    ],
    [
      'no such file',
      () => ['/nowhere.pcap', '--lab', DEMO],
      /Cannot read \/nowhere\.pcap: there is no such file/,
    ],
    ['what is no capture', () => [DEMO, '--lab', DEMO], /Cannot read .*demo\.yaml as a capture\. At byte 0/],
    [
      'an uplink of a machine',
      () => [capture, '--lab', TWO_HOSTS, '--lab-host', 'left', '--uplink', 'nic'],
      /no interface of a machine/,
    ],
    [
      'an output that is the input',
      () => [capture, '--lab', DEMO, '-w', capture],
      /written over while it is read/,
    ],
    [
      'an output nowhere',
      () => [capture, '--lab', DEMO, '-w', '/nowhere/x'],
      /Cannot write \/nowhere\/x: there is no such folder/,
    ],
  ]
  for (const [what, args, error] of refused) {
    it(`refuses ${what}`, async () => {
      const { code, out, err } = await replay(...args())
      assert.deepEqual([code, out], [1, ''])
      assert.match(err, error)
    })
  }

  it('tells where a capture breaks off, and writes what came of the rest', async () => {
    const broken = join(harness.folder, 'broken.pcap')
    writeFileSync(broken, readFileSync(capture).subarray(0, -10))
    const path = join(harness.folder, 'broken.pcapng')
    const { code, err } = await replay(broken, '--lab', DEMO, '-w', path)
    assert.equal(code, 1)
    assert.match(err, /At byte \d+ of the capture/)
    assert.ok(packetsOf(readFileSync(path)).length > 5)
  })

  it('says that a disk is full', async () => {
    const { code, err } = await replay(capture, '--lab', DEMO, '-w', '/dev/full')
    assert.equal(code, 1)
    assert.match(err, /Cannot write \/dev\/full: the disk is full/)
  })
})

describe('tapwire replay --live', () => {
  let control: FakeControl
  before(async () => {
    control = await FakeControl.serve(join(harness.folder, 's'))
    const endpoint = {
      MacAddress: '02:42:0a:01:00:02',
      IPAddress: '10.1.0.2',
      GlobalIPv6Address: '',
      InterfaceName: 'eth0',
    }
    control.answers.set('GET /networks/*', () => ({
      Name: 'web',
      IPAM: { Config: [{ Gateway: '10.1.0.1' }] },
    }))
    control.answers.set('GET /sandboxes', () => [
      { Names: ['/alice'], State: 'running', NetworkSettings: { Networks: { web: endpoint } } },
      { Names: ['/dave'], State: 'running', NetworkSettings: { Networks: {} } },
    ])
    control.answers.set('POST /networks/*/frames', ({ body }) => {
      const { frames } = body as { frames: unknown[] }
      return {
        frames: frames.length,
        drops: [{ reason: 'address-spoofed', sentence: 'Not its own.', frames: 1 }],
      }
    })
  })
  after(() => control.close())

  const live = (...args: string[]): Promise<CliResult> =>
    harness.tapwire(['--host', `unix://${control.socket}`, 'replay', capture, '--live', 'web', ...args])

  it("sends the frames of the network's sandboxes in their place, and sums up", async () => {
    control.seen.length = 0
    const { code, out } = await live('--speed', 'max', '--json')
    assert.equal(code, 0)
    const { sent, drops, file } = JSON.parse(out)
    assert.deepEqual([sent, file.placed, file.unplaced], [3, 3, 3])
    assert.deepEqual(drops, [{ reason: 'address-spoofed', sentence: 'Not its own.', frames: 1 }])
    const bodies = control.seen.filter(({ method }) => method === 'POST').map(({ body }) => body)
    const frame = (index: number): object => ({
      from: 'alice',
      data: Buffer.from(PACKETS[index]!.frame).toString('base64'),
    })
    assert.deepEqual(bodies, [{ frames: [frame(0), frame(1), frame(5)] }])
  })

  it('sends no frame before its time', async () => {
    const [sandboxes, frames] = [
      control.answers.get('GET /sandboxes')!,
      control.answers.get('POST /networks/*/frames')!,
    ]
    let askedMs = 0
    const sentMs: number[] = []
    // Times of the answers: the pace begins after the first, and how much later a request comes is the machine's affair.
    control.answers.set('GET /sandboxes', (request) => {
      askedMs = performance.now()
      return sandboxes(request)
    })
    control.answers.set('POST /networks/*/frames', (request) => {
      const { frames: sent } = request.body as { frames: unknown[] }
      sentMs.push(...sent.map(() => performance.now() - askedMs))
      return frames(request)
    })
    const { code, out } = await live('--speed', '20x', '--from-port', '*=alice')
    assert.equal(code, 0)
    assert.match(out, /^.*: 6 packets over 1\.7 s\n\n {2}6 {2}sent\n/)
    assert.equal(sentMs.length, PACKETS.length)
    for (const [i, { atMs }] of PACKETS.entries()) {
      // What is due within a millisecond goes along.
      assert.ok(sentMs[i]! >= atMs / 20 - 1, `${i}: ${sentMs[i]} ms`)
    }
  })

  it('refuses options that only a simulation has, and speeds that are none', async () => {
    assert.match((await live('--lab', DEMO)).err, /not simulated.*Leave away: --lab/s)
    assert.match((await replay(capture, '--lab', DEMO, '--speed', '2x')).err, /Leave away: --speed/)
    assert.match((await live('--speed', '0x')).err, /'0x' is no speed/)
    assert.match((await live('--speed', 'fast')).err, /'fast' is no speed/)
  })
})
