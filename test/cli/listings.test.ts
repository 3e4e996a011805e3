/** ps, fdb ls and stats against an API served by this process: what they print, and what they say where there is none. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { labPaths } from '../../src/control/run-directory.ts'
import { CliHarness, type CliOptions, ESCAPE, plain } from './cli-harness.ts'
import { type FakeApi, FDB, serveFakeApi, statsAfter } from './fake-api.ts'

let harness: CliHarness
let apis: FakeApi[]

beforeEach(() => {
  harness = new CliHarness()
  apis = []
})

afterEach(async () => {
  await Promise.all(apis.map((api) => api.close()))
  harness.remove()
})

async function labUp(name: string): Promise<FakeApi> {
  const api = await serveFakeApi(harness.run, name)
  apis.push(api)
  return api
}

/** What a daemon leaves that was killed: its files, and a socket behind which nobody is. */
async function labDead(name: string): Promise<void> {
  const api = await serveFakeApi(harness.run, name)
  await api.close()
  const { pid } = spawnSync(process.execPath, ['--version'])
  writeFileSync(labPaths(harness.run, name).pid, String(pid))
}

/** A daemon that runs and has no socket: it starts, or ends, or someone has removed the socket. */
function labWithoutSocket(name: string): void {
  const paths = labPaths(harness.run, name)
  mkdirSync(paths.directory, { recursive: true })
  writeFileSync(paths.pid, String(process.pid))
}

const LISTINGS = [['fdb', 'ls'], ['stats'], ['stats', '--watch'], ['exec', 'alice', 'true']]

describe('a command about one lab', () => {
  it('says what to do where no lab is up', async () => {
    for (const args of LISTINGS) {
      const { code, out, err } = await harness.tapwire(args)
      assert.deepEqual([code, out], [args[0] === 'exec' ? 125 : 1, ''])
      assert.equal(
        err,
        'error: No lab is up.\nhint: Bring one up with `tapwire up LAB.yaml`, for example examples/demo.yaml.\n',
      )
    }
  })

  it('wants to know which, where several are up', async () => {
    await labUp('one')
    await labUp('two')
    for (const args of LISTINGS) {
      const { code, err } = await harness.tapwire(args)
      assert.equal(code, args[0] === 'exec' ? 125 : 1)
      assert.equal(err, 'error: Several labs are up: one, two.\nhint: Choose one with --lab NAME.\n')
    }
    const { code, out } = await harness.tapwire(['fdb', 'ls', '--lab', 'two', '--json'])
    assert.deepEqual([code, JSON.parse(out)], [0, FDB])
  })

  it('takes the one that is up, whatever others have left', async () => {
    await labDead('dead')
    await labUp('live')
    assert.equal((await harness.tapwire(['fdb', 'ls'])).code, 0)
  })

  it('suggests a lab where none has the name', async () => {
    await labUp('demo')
    const { code, err } = await harness.tapwire(['fdb', 'ls', '--lab', 'dmeo'])
    assert.equal(code, 1)
    assert.equal(err, "error: There is no lab 'dmeo'.\nhint: Did you mean 'demo'?\n")
  })

  it('tells that the daemon was killed', async () => {
    await labDead('demo')
    for (const args of [
      ['fdb', 'ls'],
      ['fdb', 'ls', '--lab', 'demo'],
    ]) {
      const { code, err } = await harness.tapwire(args)
      assert.equal(code, 1)
      assert.match(
        err,
        /^error: Lab 'demo' is not up: its daemon has died\.\nhint: `tapwire down demo` removes /,
      )
    }
  })

  it('tells that the daemon runs and its socket is gone', async () => {
    labWithoutSocket('demo')
    for (const args of [
      ['fdb', 'ls'],
      ['fdb', 'ls', '--lab', 'demo'],
    ]) {
      const { code, err } = await harness.tapwire(args)
      assert.equal(code, 1)
      assert.match(
        err,
        /^error: The daemon of lab 'demo' \(process \d+\) runs, but: .*api\.sock cannot be reached: connect ENOENT .*\nhint: It may be coming up or going down at this moment\. Its log is .*\n$/,
      )
    }
  })

  it('tells broken and unknown answers from one another and from none', async () => {
    const api = await labUp('demo')
    for (const answer of ['{"stations": [', '[]', '{"stations": [{"mac": 5}]}', '']) {
      api.answers.set('GET /fdb', answer)
      const { code, err } = await harness.tapwire(['fdb', 'ls'])
      assert.equal(code, 1)
      assert.match(
        err,
        /^error: The daemon answers GET \/fdb with something unknown\.\nhint: Is it of another version/,
      )
    }
    api.answers.delete('GET /fdb')
    assert.match((await harness.tapwire(['fdb', 'ls'])).err, /^error: There is no such thing\.\n$/)
    api.answers.set('GET /lab', 'no lab')
    assert.match(
      (await harness.tapwire(['fdb', 'ls'])).err,
      /^error: The daemon answers GET \/lab with something/,
    )
  })

  it('tells a daemon that hangs up in the middle', async () => {
    labWithoutSocket('demo')
    const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{'))
    await new Promise<void>((resolve) => server.listen(labPaths(harness.run, 'demo').socket, resolve))
    const { code, err } = await harness.tapwire(['fdb', 'ls'])
    server.close()
    assert.equal(code, 1)
    assert.match(err, /runs, but: .*api\.sock cannot be reached: aborted\./)
  })
})

describe('tapwire ps', () => {
  it('lists the sandboxes of all labs', async () => {
    await labUp('one')
    const two = await labUp('two')
    const [alice, bob] = two.status.sandboxes
    alice!.endpoints[0]!.state = 'gone'
    bob!.state = 'exited'
    bob!.exitCode = 137
    const { code, out, err } = await harness.tapwire(['ps'])
    assert.deepEqual([code, err], [0, ''])
    assert.equal(
      out,
      `LAB   SANDBOX   STATE          ADDRESSES                            COMMAND
one   alice     idle           web 10.1.0.2/24
one   bob       running        web 10.1.0.3/24, other 10.1.1.2/24   sleep '5 5'
two   alice     idle           web 10.1.0.2/24 (gone)
two   bob       exited (137)   web 10.1.0.3/24, other 10.1.1.2/24   sleep '5 5'
`,
    )
  })

  it('lists one lab, as JSON', async () => {
    await labUp('one')
    const two = await labUp('two')
    const { out } = await harness.tapwire(['ps', '--lab', 'two', '--json'])
    assert.deepEqual(JSON.parse(out), [two.status])
  })

  it('lists nothing where nothing is up', async () => {
    const { code, out, err } = await harness.tapwire(['ps'])
    assert.deepEqual([code, out, err], [0, 'LAB   SANDBOX   STATE   ADDRESSES   COMMAND\n', ''])
    assert.equal((await harness.tapwire(['ps', '--json'])).out, '[]\n')
  })

  it('lists what it can, and tells what has died and what gives no answer', async () => {
    await labUp('a')
    await labDead('b')
    labWithoutSocket('c')
    const { code, out, err } = await harness.tapwire(['ps'])
    assert.equal(code, 1)
    assert.match(out, /^a +alice /m)
    assert.match(err, /^Lab b is not up: its daemon has died\. `tapwire down b` removes what it left\.$/m)
    assert.match(err, /^error: The daemon of lab 'c' \(process \d+\) runs, but: /m)
  })
})

describe('tapwire ps, where several labs give no answer,', () => {
  it('tells so of each', async () => {
    labWithoutSocket('a')
    const api = await labUp('b')
    api.answers.set('GET /lab', 'nonsense')
    const { code, err } = await harness.tapwire(['ps'])
    assert.equal(code, 1)
    assert.match(
      err,
      /^error: 2 labs do not answer:\n  The daemon of lab 'a' .*\n  The daemon answers GET \/lab with/,
    )
  })
})

describe('tapwire fdb ls', () => {
  it('lists stations by network and port', async () => {
    const api = await labUp('demo')
    const [alice, bob] = FDB.stations
    const elsewhere = { ...bob!, network: 'other', mac: '02:42:0a:01:01:02', interface: 'eth1', port: 2 }
    api.answers.set('GET /fdb', { stations: [bob, alice, elsewhere] })
    const { code, out, err } = await harness.tapwire(['fdb', 'ls'])
    assert.deepEqual([code, err], [0, ''])
    assert.equal(
      out,
      `NETWORK   MAC                 SANDBOX   INTERFACE   PORT      AGE
other     02:42:0a:01:01:02   bob       eth1           2   static
web       02:42:0a:01:00:02   alice     eth0           0      7 s
web       02:42:0a:01:00:03   bob       eth0           1   static
`,
    )
  })
})

describe('tapwire stats', () => {
  it('shows counters, and why frames were dropped', async () => {
    await labUp('demo')
    const { code, out, err } = await harness.tapwire(['stats'])
    assert.deepEqual([code, err], [0, ''])
    assert.equal(
      out,
      `SANDBOX   INTERFACE   NETWORK   FRAMES IN   BYTES IN   FRAMES OUT   BYTES OUT   DROPPED
alice     eth0        web              61    6.01 kB            0         0 B         1
bob       eth0        web               0        0 B           60     6.00 kB         0

In 60 s: 61 frames received, of which 60 forwarded, 0 flooded, 1 dropped; 60 transmitted.

FRAMES   DROP REASON
     1   runt-frame    The frame is too short.
`,
    )
  })

  it('leaves drops out where there are none, and tells the copies of flooded frames', async () => {
    const api = await labUp('demo')
    const stats = statsAfter(10)
    const totals = { ...stats.totals, flooded: 3, copies: 1234, dropped: 0 }
    api.answers.set('GET /stats', { ...stats, totals, drops: [] })
    const { out } = await harness.tapwire(['stats'])
    assert.match(out, /\n\nIn 10 s: .* 3 flooded \(1,234 more copies\), 0 dropped; 10 transmitted\.\n$/)
  })

  it('prints counters as JSON', async () => {
    await labUp('demo')
    assert.deepEqual(JSON.parse((await harness.tapwire(['stats', '--json'])).out), statsAfter(60))
  })
})

describe('tapwire stats --watch', () => {
  /** Runs it until the API was asked `looks` times; each look finds counters of `step` seconds later. */
  async function watch(args: string[], looks: number, options: CliOptions = {}): Promise<string> {
    const api = await labUp('demo')
    let asked = 0
    api.answers.set('GET /stats', () => {
      asked += 1
      if (asked === looks) setImmediate(() => harness.interrupt('SIGINT'))
      return statsAfter(100 + asked * 2)
    })
    const { code, out, err } = await harness.tapwire(
      ['stats', '--watch', '--interval', '0.1', ...args],
      options,
    )
    assert.deepEqual([code, err, harness.listening], [0, '', 0])
    return out
  }

  it('prints one JSON value a line, rates from the second on', async () => {
    const out = await watch(['--json'], 3)
    const lines = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.ok(lines.length >= 2)
    assert.deepEqual(lines[0], { ...statsAfter(102), rates: null })
    assert.deepEqual(lines[1], {
      ...statsAfter(104),
      rates: {
        seconds: 2,
        receivedFrames: 1,
        transmittedFrames: 1,
        dropped: 0,
        ports: [
          {
            port: 0,
            receivedFrames: 1,
            receivedBits: 800,
            transmittedFrames: 0,
            transmittedBits: 0,
            dropped: 0,
          },
          {
            port: 1,
            receivedFrames: 0,
            receivedBits: 0,
            transmittedFrames: 1,
            transmittedBits: 800,
            dropped: 0,
          },
        ],
      },
    })
  })

  it('prints one table after another into a pipe', async () => {
    const out = await watch([], 3)
    assert.equal(out.includes(ESCAPE), false)
    assert.match(out, /^Lab demo, up for 102 s\n\n.*\nalice +eth0 +web +- +- +- +- +-\n/)
    assert.match(out, /\nLab demo, up for 104 s\n\n.*\nalice +eth0 +web +1 +800 bit\/s +0 +0 bit\/s +0\n/)
  })

  it('draws on the alternate screen of a terminal, within its size, and leaves the last table', async () => {
    const terminal = { columns: 40, rows: 6 }
    const drawings: string[] = []
    const out = await watch([], 3, { terminal, onWrite: (text) => drawings.push(text) })
    assert.ok(out.startsWith(`${ESCAPE}[?1049h${ESCAPE}[?25l`))
    const looks = drawings.slice(1, -1)
    assert.ok(looks.length >= 2)
    for (const look of looks) {
      const lines = plain(look).split('\n')
      assert.equal(lines.pop(), '')
      assert.equal(lines.length, terminal.rows - 1)
      assert.ok(lines.every((line) => line.length <= terminal.columns))
    }
    const [, leftBehind = ''] = out.split(`${ESCAPE}[?25h${ESCAPE}[?1049l`)
    assert.match(leftBehind, /^Lab demo, up for \d+ s\n[^]*runt-frame    The frame is too short\.\n$/)
  })

  it('gives the terminal back and tells when the lab goes', async () => {
    const api = await labUp('demo')
    let asked = 0
    api.answers.set('GET /stats', () => {
      asked += 1
      return asked === 1 ? statsAfter(1) : 'gone'
    })
    const terminal = { columns: 80, rows: 24 }
    const { code, out, err } = await harness.tapwire(['stats', '--watch', '--interval', '0.1'], { terminal })
    assert.equal(code, 1)
    assert.ok(out.includes(`${ESCAPE}[?25h${ESCAPE}[?1049l`))
    assert.match(plain(err), /^error: The daemon answers GET \/stats with something unknown/)
    assert.equal(harness.listening, 0)
  })
})
