/** `tapwire explain` of captures, in labs and without, and of what passes, against an API served by this process. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { FollowedFrame } from '../../src/control/api/capture.ts'
import type { FrameStory } from '../../src/inspect/story/frame-story.ts'
import { pcapBytes } from '../support/capture-bytes.ts'
import { elementsOf } from '../support/html-elements.ts'
import { address, packetFrame } from '../support/packet-text.ts'
import { CliHarness, type CliOptions, type CliResult, ESCAPE } from './cli-harness.ts'
import { FakeControl } from './fake-control.ts'

const LAB = `
networks: { blue: { subnet: 10.1.0.0/24 }, internet: { subnet: 203.0.113.0/24, options: { tapwire.uplink: "true" } } }
sandboxes:
  web: { networks: { blue: { address: 10.1.0.2 } }, ports: ["203.0.113.1:80:8080"] }
  far: { networks: { internet: { address: 203.0.113.2 } } }
`

/** A client's SYN to a published port, with ARP as it is in life; a packet of nobody's; a wrong checksum. */
const PACKETS = [
  ['arp 203.0.113.2 asks 203.0.113.1', '203.0.113.1'],
  ['tcp 203.0.113.2:4000>203.0.113.1:80 syn', '203.0.113.1'],
  ['arp 10.1.0.2 tells 10.1.0.1', '10.1.0.1'],
  ['tcp 10.1.0.2:8080>203.0.113.2:4000 syn,ack', '10.1.0.1'],
  ['echo 10.9.0.9>10.1.0.2 id=7', '10.1.0.1'],
  ['echo 10.1.0.2>10.1.0.1 id=7 badip', '10.1.0.1'],
] as const

let harness: CliHarness
let lab: string
let capture: string

beforeEach(() => {
  harness = new CliHarness()
  lab = join(harness.folder, 'lab.yaml')
  capture = join(harness.folder, 'capture.pcap')
  writeFileSync(lab, LAB)
  const packets = PACKETS.map(([line, gateway], index) => ({
    atMs: index,
    frame: packetFrame(line, address(gateway)).frame,
  }))
  writeFileSync(capture, pcapBytes(packets))
})

afterEach(() => harness.remove())

const tapwire = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  harness.tapwire(args, options)

interface Report {
  readonly file: string
  readonly lab?: string
  readonly frames: readonly FrameStory[]
  readonly notes: readonly string[]
}

async function report(...args: string[]): Promise<Report> {
  const { code, out, err } = await tapwire(['explain', capture, '--json', ...args])
  assert.deepEqual([code, err], [0, ''])
  return JSON.parse(out) as Report
}

const numbersOf = ({ frames }: Report): string[] =>
  frames.map(({ number, continued, outcome }) => `${number}${continued ? '+' : ''} ${outcome}`)

describe('tapwire explain FILE --lab', () => {
  it('tells of each frame what the lab would do with it', async () => {
    const found = await report('--lab', lab)
    assert.deepEqual(numbersOf(found), [
      '1 answered',
      '2 waiting',
      '3 consumed',
      '2+ delivered',
      '4 delivered',
      '5 seen',
      '6 dropped',
    ])
    assert.equal(found.frames[1]!.time, '2001-09-09T01:46:40.001000000Z')
    assert.match(found.frames[5]!.ending, /comes from nowhere in the lab/)
    assert.equal(found.frames[6]!.reason, 'ip-checksum')
    assert.deepEqual(found.frames[6]!.arrival!.problems.length, 1)
    assert.deepEqual(
      found.notes.map((note) => note.replace(/ from .*/, '')),
      ['1 frame'],
    )
  })

  it('tells of those that are asked for, with what became of them later, in the state that the others left', async () => {
    assert.deepEqual(numbersOf(await report('--lab', lab, '--packet', '2')), ['2 waiting', '2+ delivered'])
    assert.deepEqual(numbersOf(await report('--lab', lab, '--packet', '4')), ['4 delivered'])
    assert.deepEqual(numbersOf(await report('--lab', lab, '--packet', '5-')), ['5 seen', '6 dropped'])
  })

  it('tells twice the same', async () => {
    assert.deepEqual(await report('--lab', lab), await report('--lab', lab))
  })

  it('takes frames from where --from-port says', async () => {
    const found = await report('--lab', lab, '--packet', '5', '--from-port', '10.9.0.9=web')
    assert.deepEqual(numbersOf(found), ['5 dropped'])
    assert.equal(found.frames[0]!.reason, 'mac-spoofed')
  })

  it('writes text, with colours on a terminal alone', async () => {
    const { out } = await tapwire(['explain', capture, '--lab', lab, '--packet', '4'])
    assert.match(out, /^Frame 4 {2}2001-09-09T01:46:40\.003000000Z {2}/)
    assert.match(out, /\n {2}It leaves by far \(eth0 on internet\)\.\n$/)
    assert.ok(!out.includes(ESCAPE))
    const terminal = { terminal: { columns: 120, rows: 40 } }
    assert.ok((await tapwire(['explain', capture, '--lab', lab], terminal)).out.includes(ESCAPE))
  })

  it('writes Markdown, and pages, to files', async () => {
    const markdown = await tapwire(['explain', capture, '--lab', lab, '--markdown'])
    assert.match(markdown.out, /^# capture\.pcap in the lab lab\.yaml\n\n## Frame 1: /)
    const page = join(harness.folder, 'page.html')
    const { code, out, err } = await tapwire([
      'explain',
      capture,
      '--lab',
      lab,
      '--format',
      'html',
      '-o',
      page,
    ])
    assert.deepEqual([code, out, err], [0, '', ''])
    assert.equal(elementsOf(readFileSync(page, 'utf8')).filter(({ name }) => name === 'article').length, 7)
  })
})

describe('tapwire explain FILE', () => {
  it('shows what is in a capture of others, and what is wrong with it', async () => {
    const found = await report()
    assert.deepEqual(
      numbersOf(found),
      PACKETS.map((_, index) => `${index + 1} seen`),
    )
    const { out } = await tapwire(['explain', capture, '--packet', '6'])
    assert.match(out, /ip\.checksum: wrong, it should be/)
    assert.match(out, /\n {4}Internet Protocol Version 4/)
  })

  it('tells of a capture of our own what became of its frames', async () => {
    const own = join(harness.folder, 'own.pcapng')
    await tapwire(['replay', capture, '--lab', lab, '-w', own])
    const { code, out } = await tapwire(['explain', own, '--json'])
    assert.equal(code, 0)
    const found = JSON.parse(out) as Report
    const outcomes = found.frames.map(({ outcome, continued }) => `${continued ? '+' : ''}${outcome}`)
    assert.deepEqual(outcomes, ['answered', 'waiting', 'consumed', '+delivered', 'delivered', 'dropped'])
    const gone = found.frames[3]!
    assert.equal(gone.number, found.frames[1]!.number)
    assert.ok(
      gone.departures[0]!.changes.some(({ name, after }) => name === 'ip.dst' && after === '10.1.0.2'),
    )
    assert.deepEqual(gone.departures[0]!.place, {
      port: gone.departures[0]!.place.port,
      kind: 'sandbox',
      name: 'web',
      interface: 'eth0',
      network: 'blue',
    })
    const [departure] = found.frames[4]!.packets!.slice(-1)
    const { out: one } = await tapwire(['explain', own, '--json', '--packet', String(departure)])
    assert.deepEqual((JSON.parse(one) as Report).frames, [found.frames[4]])
  })

  it('takes the number of a copy that left for that of what arrived, and says so', async () => {
    const own = join(harness.folder, 'own.pcapng')
    await tapwire(['replay', capture, '--lab', lab, '-w', own])
    const all = JSON.parse((await tapwire(['explain', own, '--json'])).out) as Report
    const waiting = all.frames[1]!
    const gone = all.frames[3]!
    const delivered = all.frames[4]!
    assert.match(
      all.notes.join(),
      /^Frames have the numbers of the file’s packets\. \d+ packets of it are copies/,
    )
    const inLab = JSON.parse((await tapwire(['explain', own, '--json', '--lab', lab])).out) as Report
    assert.match(inLab.notes.join(), /^Frames have the numbers of the file’s packets\./)
    for (const [packet, told] of [
      [gone.packets![0]!, [`${waiting.number} waiting`, `${waiting.number}+ delivered`]],
      [delivered.packets!.at(-1)!, [`${delivered.number} delivered`]],
    ] as const) {
      const { out } = await tapwire(['explain', own, '--json', '--lab', lab, '--packet', String(packet)])
      const found = JSON.parse(out) as Report
      assert.deepEqual(numbersOf(found), told)
      assert.deepEqual(found.notes, [
        `Packet ${packet} is a copy of what left: this is the story of packet ${Number.parseInt(told[0], 10)}, which arrived.`,
      ])
    }
    const arrived = await tapwire(['explain', own, '--json', '--lab', lab, '--packet', `${delivered.number}`])
    assert.deepEqual((JSON.parse(arrived.out) as Report).notes, [])
  })

  it('tells what could be read of a broken file, and fails', async () => {
    const bytes = readFileSync(capture)
    writeFileSync(capture, bytes.subarray(0, bytes.length - 5))
    const { code, out, err } = await tapwire(['explain', capture, '--json'])
    assert.equal(code, 1)
    assert.match(err, /Cannot read .* as a capture\. At byte \d+/)
    assert.equal((JSON.parse(out) as Report).frames.length, PACKETS.length - 1)
  })

  it('says so where there is no such packet, no such file, or an option means nothing', async () => {
    const none = await tapwire(['explain', capture, '--packet', '7'])
    assert.deepEqual([none.code, none.err], [1, 'The capture has 6 packets: there is no packet 7.\n'])
    for (const [args, message] of [
      [['explain', 'nothing.pcap'], /There is no file 'nothing\.pcap'/],
      [['explain'], /There is nothing to explain/],
      [['explain', capture, '--uplink', 'none'], /Without --lab nothing is simulated/],
      [['explain', capture, '--count', '1'], /--count/],
      [['explain', capture, '--json', '--html'], /One format at a time/],
      [['explain', capture, '-o', capture], /written over/],
      [['explain', 'web', 'db', '--lab', lab], /--lab/],
      [['explain', '--follow'], /Whom to follow/],
      [['explain', '--follow', 'web', '--html'], /no end/],
      [['explain', capture, '--packet', '9-7'], /range/],
    ] as const) {
      const { code, err } = await tapwire(args)
      assert.notEqual(code, 0)
      assert.match(err, message)
    }
  })
})

describe('tapwire explain --follow', () => {
  let control: FakeControl
  beforeEach(async () => {
    control = await FakeControl.serve(join(harness.folder, 's'))
  })
  afterEach(() => control.close())

  const place = { port: 1, kind: 'sandbox', name: 'web', interface: 'eth0', network: 'blue' } as const
  const { frame: bytes } = packetFrame('echo 10.1.0.2>10.1.0.1 id=7', address('10.1.0.1'))
  const copy = { place, bytes: Buffer.from(bytes).toString('hex'), virtioHeader: '00'.repeat(10) }
  const frame = (number: number): FollowedFrame => ({
    number,
    time: '2026-03-01T12:00:00.000000001Z',
    arrival: copy,
    facts: ['learned'],
    steps: [{ stage: 'bridge', verdict: 'drop', reason: 'icc-disabled', values: {}, sentence: 'No.' }],
    reason: 'icc-disabled',
    departures: [],
  })
  const serve = (...events: object[]): void => {
    control.answers.set('GET /explain/follow', () =>
      events
        .map((one) => `${'missed' in one ? 'event: missed\n' : ''}data: ${JSON.stringify(one)}\n\n`)
        .join(''),
    )
  }
  const follow = (...args: string[]): Promise<CliResult> =>
    tapwire(['--host', `unix://${control.socket}`, 'explain', '--follow', ...args])

  it('tells of each frame, and how many more there were', async () => {
    serve(frame(1), { missed: 5 }, frame(2), { missed: 7 })
    const { code, out, err } = await follow('web', '--filter', 'icmp')
    assert.equal(code, 0)
    assert.deepEqual(control.asked, ['GET /explain/follow?place=web&filter=icmp'])
    assert.match(out, /^Frame 1 .*\n {2}comes from web \(eth0 on blue\), 50 bytes\n {2}1 {2}learn /)
    assert.match(out, /\nFrame 2 /)
    assert.deepEqual(
      err
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => line.split(' ')[0]),
      ['5', '2'],
    )
  })

  it('writes a line of JSON for each', async () => {
    serve(frame(1), { missed: 5 })
    const { out } = await follow('web', '--json')
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as FrameStory & { missed?: number })
    assert.deepEqual([lines[0]!.outcome, lines[0]!.reason, lines[1]!.missed], ['dropped', 'icc-disabled', 5])
  })

  it('ends behind so many frames', async () => {
    serve(frame(1), frame(2), frame(3))
    const { out } = await follow('web', '--markdown', '-c', '2')
    assert.equal(out.split('## Frame').length, 3)
  })
})
