/** `tapwire capture` against an API served by this process. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { CaptureSummary } from '../../../src/control/api/capture.ts'
import { CAPTURE_ID_HEADER } from '../../../src/control/capture-points.ts'
import { Direction } from '../../../src/inspect/pcap/capture-file.ts'
import { PcapngWriter } from '../../../src/inspect/pcap/pcapng-writer.ts'
import { readCapture } from '../../support/capture-contents.ts'
import { CliHarness, type CliOptions, type CliResult } from '../cli-harness.ts'
import { Failure, FakeControl, FakeFile } from '../fake-control.ts'
import { captureBytes, PING, SECOND } from './capture-stream-bytes.ts'

let harness: CliHarness
let control: FakeControl
/** Of the captures that the daemon is asked to stop. */
let stopped: Promise<void>
let stop: () => void

beforeEach(async () => {
  harness = new CliHarness()
  control = await FakeControl.serve(join(harness.folder, 's'))
  stopped = new Promise((resolve) => {
    stop = resolve
  })
  control.answers.set('POST /capture/abc/stop', () => stop())
})

afterEach(async () => {
  await control.close()
  harness.remove()
})

const tapwire = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  harness.tapwire(['--host', `unix://${control.socket}`, 'capture', ...args], options)

/** What the daemon sends. */
function serve(pieces: () => AsyncIterable<Uint8Array>): void {
  control.answers.set('GET /capture', () => new FakeFile({ [CAPTURE_ID_HEADER]: 'abc' }, pieces()))
}

const BYTES = captureBytes({ interfaces: 2, lengths: [60, 1500, 42] })

/** Up to the first packets, then the rest when it is stopped. */
async function* untilStopped(bytes: Buffer = BYTES): AsyncGenerator<Uint8Array> {
  yield bytes.subarray(0, 700)
  await stopped
  yield bytes.subarray(700)
}

const file = (): string => join(harness.folder, 'a.pcapng')

describe('tapwire capture', () => {
  it('prints a line for each packet, where and which way it went, names, and what is said of it', async () => {
    serve(async function* () {
      const pieces: Uint8Array[] = []
      const writer = new PcapngWriter((bytes) => pieces.push(bytes))
      writer.addInterface({ name: 'web.eth0@blue' })
      writer.addInterface({ name: 'app.eth0@blue' })
      writer.names([{ address: '10.0.0.2', names: ['web'] }])
      const put = (id: number, direction: Direction, comments: string[]) =>
        writer.packet(id, SECOND, 1000 + id, PING, 0, PING.length, PING.length, { direction, comments })
      put(0, Direction.inbound, ['learned 02:42:00:00:00:02 on web'])
      put(1, Direction.outbound, [])
      writer.flush()
      yield* pieces
    })
    const { code, out, err } = await tapwire(['blue'])
    assert.equal(code, 0, err)
    const lines = out.split('\n')
    assert.match(lines[0]!, /^22:13:20\.000001000 \[web\.eth0@blue in\] web > 10\.0\.0\.3: ICMP echo request/)
    assert.equal(lines[1], '    # learned 02:42:00:00:00:02 on web')
    assert.match(lines[2]!, /^22:13:20\.000001001 \[app\.eth0@blue out\] web > 10\.0\.0\.3: /)
    assert.equal(err, 'Capturing at blue. Ctrl-C ends it.\n2 packets captured\n')
    assert.match((await tapwire(['-n', '--time', 'none', '-q'])).out, /^\[web\.eth0@blue in\] 10\.0\.0\.2 > /)
  })

  it('asks for what was said', async () => {
    serve(async function* () {
      yield BYTES
    })
    const asked = async (...args: string[]): Promise<string> => {
      const { code, err } = await tapwire([...args, '-w', file()])
      assert.equal(code, 0, err)
      return control.seen.at(-1)!.url
    }
    assert.equal(await asked(), '/capture')
    assert.equal(await asked('--both', 'any'), '/capture?place=any')
    assert.equal(
      await asked('web@blue', 'uplink', '--filter', 'host web', '--snaplen', '96', '-c', '10'),
      '/capture?place=web%40blue&place=uplink&filter=host%20web&snaplen=96&count=10',
    )
    assert.equal(await asked('--pre-nat', '--drops'), '/capture?point=pre-nat&drops=true')
    assert.equal(await asked('--post-nat', '--raw'), '/capture?point=post-nat&raw=true')
    assert.equal(await asked('--pre-nat', '--post-nat', '--snaplen', '0'), '/capture')
  })

  it('writes the stream as it is, to a file and to standard output, and tells how much it was', async () => {
    serve(async function* () {
      for (let at = 0; at < BYTES.length; at += 100) yield BYTES.subarray(at, at + 100)
    })
    writeFileSync(file(), 'x'.repeat(100_000))
    const { code, out, err } = await tapwire(['-w', file()])
    assert.deepEqual([code, out], [0, ''])
    assert.equal(
      err,
      "Capturing at any. Ctrl-C ends it.\n3 packets captured, 3 dropped by the capture's buffer\n",
    )
    assert.ok(readFileSync(file()).equals(BYTES))
    const pieces: Uint8Array[] = []
    const { err: nothing } = await tapwire(['-q', '-w', '-'], { onBytes: (data) => pieces.push(data) })
    assert.ok(Buffer.concat(pieces).equals(BYTES))
    assert.equal(nothing, '')
  })

  it('writes no capture to a terminal, but shows one how far it is', async () => {
    serve(() => untilStopped())
    const terminal = { columns: 80, rows: 24 }
    const refused = await tapwire(['-w', '-'], { terminal })
    assert.equal(refused.code, 1)
    assert.match(refused.err, /A capture is no text for a terminal\.\n.*leave -w away/)
    // Once: a second Ctrl-C ends it without the answer.
    let interrupted = false
    const onWrite = (text: string): void => {
      if (interrupted || !/[12] packets?, \d+ B, 0 dropped by the buffer/.test(text)) return
      interrupted = true
      harness.interrupt('SIGINT')
    }
    const { code, err } = await tapwire(['-w', file()], { terminal, onWrite })
    assert.equal(code, 0, err)
    assert.match(err, /3 packets captured/)
  })

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`ends by ${signal} with a file that is whole`, async () => {
      serve(() => untilStopped())
      const onWrite = (text: string): void => {
        if (text.startsWith('Capturing')) harness.interrupt(signal)
      }
      const { code, err } = await tapwire(['-w', file()], { onWrite })
      assert.equal(code, 0, err)
      assert.deepEqual(control.asked, ['GET /capture', 'POST /capture/abc/stop'])
      assert.ok(readFileSync(file()).equals(BYTES))
      assert.equal(harness.listening, 0)
    })
  }

  it('ends after its time', async () => {
    serve(() => untilStopped())
    const { code, err } = await tapwire(['--duration', '10ms', '-w', file()])
    assert.equal(code, 0, err)
    assert.ok(readFileSync(file()).equals(BYTES))
  })

  it('ends at once by a second signal, with whole blocks', async () => {
    serve(async function* () {
      yield BYTES.subarray(0, 700)
      await new Promise(() => {})
    })
    control.answers.set('POST /capture/abc/stop', () => harness.interrupt('SIGINT'))
    const onWrite = (text: string): void => {
      if (text.startsWith('Capturing')) harness.interrupt('SIGINT')
    }
    const { code } = await tapwire(['-w', file()], { onWrite })
    assert.equal(code, 130)
    const { error } = readCapture(readFileSync(file()))
    assert.equal(error, undefined)
  })

  it('tells that the daemon has gone, and leaves what came up to there', async () => {
    serve(async function* () {
      yield BYTES.subarray(0, BYTES.length - 100)
      // It is sent before the connection is cut.
      await new Promise((resolve) => setImmediate(resolve))
      throw new Error('killed')
    })
    const { code, err } = await tapwire(['-w', file()])
    assert.equal(code, 1)
    assert.match(err, /3 packets captured\ntapwire: The daemon at .* has gone in the middle of the capture\./)
    const { error, packets } = readCapture(readFileSync(file()))
    assert.equal(error, undefined)
    assert.equal(packets.length, 3)
  })

  it('leaves a file alone that a mistake would overwrite', async () => {
    control.answers.set('GET /capture', () => new Failure(400, 'no such filter'))
    writeFileSync(file(), 'precious')
    const { code, err } = await tapwire(['--filter', 'prot 80', '-w', file()])
    assert.deepEqual([code, err], [1, 'tapwire: no such filter\n'])
    assert.equal(readFileSync(file(), 'utf8'), 'precious')
  })

  it('says which file cannot be written, and why', async () => {
    serve(() => untilStopped())
    const { code, err } = await tapwire(['-q', '-w', '/dev/full'])
    assert.equal(code, 1)
    assert.match(
      err,
      /^tapwire: write \/dev\/full: no space left on device\nhint: .*traffic itself is not touched/,
    )
    const none = join(harness.folder, 'no/a.pcapng')
    assert.match(
      (await tapwire(['-q', '-w', none])).err,
      /^tapwire: open .*no\/a\.pcapng: no such file or directory/,
    )
  })

  it('writes a ring', async () => {
    const bytes = captureBytes({ interfaces: 2, lengths: Array.from({ length: 500 }, () => 1500) })
    serve(async function* () {
      yield bytes
    })
    const { code, err } = await tapwire(['-w', file(), '--ring', '200kB×2'])
    assert.equal(code, 0, err)
    const names = readdirSync(harness.folder).filter((name) => name.startsWith('a'))
    assert.deepEqual(names, ['a-00003.pcapng', 'a-00004.pcapng'])
    assert.match(err, /500 packets captured/)
  })

  it('refuses what makes no sense before anything is asked', async () => {
    for (const [args, expected] of [
      [['--ring', '1MBx5'], /--ring takes a file/],
      [['--ring', '1MBx5', '-w', '-'], /--ring takes a file/],
      [['--ring', '5'], /must be as in 100MB×5/],
      [['--json'], /--json goes with --list/],
      [['-c', '0'], /must be a number from 1/],
      [['--snaplen', '300000'], /must be from 0/],
      [['--duration', 'soon'], /must be a time/],
      [['--duration', '1000h'], /at most 24 days/],
    ] as const) {
      const { code, err } = await tapwire(args)
      assert.notEqual(code, 0)
      assert.match(err, expected)
    }
    assert.deepEqual(control.asked, [])
    assert.ok(!existsSync(file()))
  })

  it('lists the captures that run', async () => {
    const one: CaptureSummary = {
      id: 'abc',
      places: ['web@blue', 'uplink'],
      point: 'both',
      filter: 'tcp',
      snapLength: 0,
      drops: false,
      raw: false,
      started: new Date(Date.now() - 5500).toISOString(),
      seen: 12_345,
      accepted: 1300,
      captured: 1234,
      dropped: 0,
    }
    control.answers.set('GET /captures', () => [
      one,
      { ...one, id: 'def', places: [], drops: true, filter: '' },
    ])
    const { out } = await tapwire(['--list'])
    assert.equal(
      out.replaceAll(/\d s/g, '5 s'),
      `CAPTURE   PLACES            POINT   FILTER   AGE   PACKETS   DROPPED
abc       web@blue uplink   both    tcp      5 s     1,234         0
def       any               drops   -        5 s     1,234         0
`,
    )
    assert.deepEqual(JSON.parse((await tapwire(['--list', '--json'])).out)[0], one)
  })
})
