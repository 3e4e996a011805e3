/** ps, network ls, inspect, fdb, stats, events and others against an API served by this process: what they print. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Event } from '../../src/control/api/system.ts'
import { type CliOptions, ESCAPE, plain } from './cli-harness.ts'
import { CliScene } from './cli-scene.ts'
import { FDB, statsAfter } from './fake-api.ts'
import { Failure, NETWORK, SANDBOX, summary, WEB_ID } from './fake-control.ts'

const cli = new CliScene()

beforeEach(() => {
  cli.control.answers.set('GET /sandboxes', () => [summary(Date.now(), 200)])
  cli.control.answers.set('GET /networks', () => [
    { ...NETWORK, Name: 'net10' },
    { ...NETWORK, Name: 'net9' },
    NETWORK,
  ])
  cli.control.answers.set('GET /sandboxes/web', () => SANDBOX)
  cli.control.answers.set('GET /networks/blue', () => NETWORK)
  cli.control.answers.set('GET /fdb', () => FDB)
  cli.control.answers.set('GET /stats', () => statsAfter(60))
  for (const kind of ['sandboxes', 'networks']) {
    cli.control.answers.set(
      `GET /${kind}/*`,
      ({ path }) => new Failure(404, `nothing like ${path.split('/').at(-1)}`),
    )
  }
})

describe('tapwire ps', () => {
  it("lists sandboxes as docker's table", async () => {
    assert.equal(
      await cli.out('ps'),
      `SANDBOX ID     COMMAND                CREATED         STATUS         PORTS                                                     NAMES
5ab500000000   "python3 -m http.ser…"   3 minutes ago   Up 3 minutes   53/udp, 0.0.0.0:8080-8081->80-81/tcp, [::]:8080->80/tcp   web
`.replace('COMMAND                CREATED', 'COMMAND                  CREATED'),
    )
    assert.deepEqual(cli.control.asked, ['GET /sandboxes'])
  })

  it('asks for what options say', async () => {
    await cli.out('ps', '-a', '--filter', 'label=a=b', '-f', 'label=c', '-f', 'Name=web')
    await cli.out('ps', '-l')
    await cli.out('ps', '-n', '3')
    assert.deepEqual(
      cli.control.seen.map(({ query }) => query),
      [
        { all: 'true', filters: '{"label":["a=b","c"],"name":["web"]}' },
        { all: 'true', limit: '1' },
        { all: 'true', limit: '3' },
      ],
    )
    assert.match((await cli.tapwire(['ps', '-f', 'x'])).err, /invalid filter 'x'/)
  })

  it('prints ids, JSON, and by a template', async () => {
    assert.equal(await cli.out('ps', '-q'), '5ab500000000\n')
    assert.equal(await cli.out('ps', '-q', '--no-trunc'), `${WEB_ID}\n`)
    assert.equal(
      await cli.out('ps', '--format', '{{.Names}} {{.Label "a"}}{{.Label "x"}} {{.Networks}}'),
      'web b blue,green\n',
    )
    const line = JSON.parse(await cli.out('ps', '--format', 'json')) as Record<string, string>
    assert.equal(line['Command'], '"python3 -m http.ser…"')
    assert.deepEqual(Object.keys(line), Object.keys(line).toSorted())
    assert.equal((JSON.parse(await cli.out('ps', '--json')) as unknown[]).length, 1)
  })

  it('makes tables of templates, and a wide one', async () => {
    assert.equal(
      await cli.out(
        'ps',
        '--format',
        String.raw`table {{.Names}}\t{{.Label "com.example.my-team"}}\t{{.State}}`,
      ),
      'NAMES     MY TEAM   STATE\nweb       red       running\n',
    )
    assert.match(await cli.out('ps', '--format', 'wide'), /PORTS +NETWORKS +NAMES\n.* blue,green +web\n/)
    const { code, err } = await cli.tapwire(['ps', '--format', 'jsno'])
    assert.deepEqual(
      [code, err],
      [
        1,
        "tapwire: Unknown format 'jsno'.\nhint: It is a template or one of table, wide, json; did you mean 'json'?\n",
      ],
    )
  })
})

describe('tapwire network ls', () => {
  it("lists networks by name, in numbers' order", async () => {
    assert.equal(
      await cli.out('network', 'ls'),
      `NETWORK ID     NAME      DRIVER    SCOPE
b1e000000000   blue      bridge    local
b1e000000000   net9      bridge    local
b1e000000000   net10     bridge    local
`,
    )
  })

  it('prints ids, and by a template', async () => {
    cli.control.answers.set('GET /networks', () => [NETWORK])
    assert.equal(await cli.out('network', 'ls', '-q', '--no-trunc'), `${NETWORK.Id}\n`)
    assert.equal(
      await cli.out(
        'network',
        'ls',
        '--format',
        '{{.Name}} {{.IPv4}} {{.IPv6}} {{.Internal}} {{.Labels}} {{.CreatedAt}}',
      ),
      'blue true false false com.example.team=red 2026-01-02 03:04:05.678901234 +0000 UTC\n',
    )
  })
})

describe('tapwire inspect', () => {
  it('prints sandboxes and networks as JSON, and tells what is not there', async () => {
    const { code, out: text, err } = await cli.tapwire(['inspect', 'web', 'nope', 'blue'])
    assert.deepEqual([code, JSON.parse(text)], [1, [SANDBOX, NETWORK]])
    assert.ok(text.startsWith('[\n    {\n        "Id": '))
    assert.equal(err, 'tapwire: No such object: nope\n')
    assert.deepEqual(await cli.tapwire(['network', 'inspect', 'nope']), {
      code: 1,
      out: '[]\n',
      err: 'tapwire: nothing like nope\n',
    })
  })

  it('prints by a template', async () => {
    assert.equal(
      await cli.out(
        'inspect',
        '-f',
        '{{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{$e.IPAddress}}{{end}}',
        'web',
      ),
      'blue 172.18.0.2\n',
    )
    assert.equal(
      await cli.out('network', 'inspect', '-f', '{{(index .IPAM.Config 0).Subnet}}', 'blue'),
      '172.18.0.0/16\n',
    )
    assert.equal(
      await cli.out('inspect', '-f', 'json', '--type', 'network', 'blue'),
      `${JSON.stringify([NETWORK])}\n`,
    )
    const { code, err } = await cli.tapwire(['inspect', '-f', '{{.Nope', 'web'])
    assert.deepEqual([code, err], [64, 'tapwire: template parsing error: template: :1: unclosed action\n'])
  })
})

describe('tapwire port', () => {
  it('lists published ports, and tells where one is', async () => {
    assert.equal(
      await cli.out('port', 'web'),
      '80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n443/tcp -> 0.0.0.0:8443\n',
    )
    assert.equal(await cli.out('port', 'web', '443'), '0.0.0.0:8443\n')
    assert.equal(
      (await cli.tapwire(['port', 'web', '53/udp'])).err,
      "tapwire: No public port '53/udp' published for web\n",
    )
  })
})

describe('tapwire ps -s', () => {
  it('says that a sandbox has no files of its own', async () => {
    const { code, err } = await cli.tapwire(['ps', '-s'])
    assert.deepEqual(
      [code, err],
      [
        125,
        "tapwire: --size does not apply: a sandbox has no files of its own; its command works on this machine's.\n",
      ],
    )
  })
})

describe('tapwire logs', () => {
  it('prints each stream where it belongs', async () => {
    const time = '2026-01-02T03:04:05.678901234Z'
    const entries = [
      { log: 'one\n', stream: 'stdout', time },
      { log: 'two\n', stream: 'stderr', time },
    ]
    cli.control.answers.set('GET /sandboxes/web/logs', () =>
      entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
    )
    assert.deepEqual(await cli.tapwire(['logs', 'web']), { code: 0, out: 'one\n', err: 'two\n' })
    assert.deepEqual(
      await cli.tapwire(['logs', '-t', '--tail', '5', '--since', '2026-01-01T00:00:00Z', 'web']),
      {
        code: 0,
        out: `${time} one\n`,
        err: `${time} two\n`,
      },
    )
    assert.deepEqual(cli.control.seen.at(-1)!.query, {
      stdout: 'true',
      stderr: 'true',
      tail: '5',
      since: '1767225600.000',
    })
  })
})

describe('what goes on until a signal', () => {
  it('ends with 128 and its number', async () => {
    for (const [signal, code] of [
      ['SIGINT', 130],
      ['SIGTERM', 143],
    ] as const) {
      const waiting = (): Promise<never> => {
        cli.harness.interrupt(signal)
        return new Promise(() => {})
      }
      cli.control.answers.set('GET /sandboxes/web/logs', waiting)
      cli.control.answers.set('GET /events', waiting)
      for (const args of [['logs', '-f', 'web'], ['events']]) {
        assert.deepEqual(await cli.tapwire(args), { code, out: '', err: '' })
      }
    }
    assert.equal(cli.harness.listening, 0)
  })
})

describe('tapwire events', () => {
  const event: Event = {
    Id: 1,
    Type: 'network',
    Action: 'connect',
    Actor: { ID: 'b1e0', Attributes: { name: 'blue', container: WEB_ID } },
    scope: 'local',
    time: 1_767_323_045,
    timeNano: 1_767_323_045_678_900_000,
  }

  it('prints events as docker does, as JSON, and by a template', async () => {
    cli.control.answers.set('GET /events', () => `:\n\nid: 1\ndata: ${JSON.stringify(event)}\n\n`)
    assert.match(
      await cli.out('events'),
      new RegExp(
        `^2026-01-02T03:04:05\\.67890*Z network connect b1e0 \\(container=${WEB_ID}, name=blue\\)\n$`,
      ),
    )
    assert.deepEqual(JSON.parse(await cli.out('events', '--format', 'json')), event)
    assert.equal(
      await cli.out('events', '--format', '{{.Type}} {{.Actor.Attributes.name}} {{.Time}}'),
      `network blue ${event.time}\n`,
    )
  })
})

describe('tapwire fdb', () => {
  it('lists stations by network and port', async () => {
    const [alice, bob] = FDB.stations
    const elsewhere = { ...bob!, network: 'other', mac: '02:42:0a:01:01:02', interface: 'eth1', port: 2 }
    const gateway = { ...bob!, mac: '02:42:0a:01:00:01', sandbox: '', interface: '', port: 4096 }
    cli.control.answers.set('GET /fdb', () => ({ stations: [bob, gateway, alice, elsewhere] }))
    assert.equal(
      await cli.out('fdb', 'ls'),
      `NETWORK   MAC                 SANDBOX   INTERFACE     PORT      AGE
other     02:42:0a:01:01:02   bob       eth1             2   static
web       02:42:0a:01:00:02   alice     eth0             0      7 s
web       02:42:0a:01:00:03   bob       eth0             1   static
web       02:42:0a:01:00:01                         router   static
`,
    )
    assert.equal((await cli.out('fdb', 'ls', '--network', 'other')).split('\n').length, 3)
  })

  it('makes the switch forget', async () => {
    cli.control.answers.set('DELETE /fdb', () => undefined)
    await cli.out('fdb', 'flush', '--network', 'web')
    assert.deepEqual(cli.control.asked, ['DELETE /fdb?network=web'])
  })
})

describe('tapwire stats', () => {
  it('shows counters, and why frames were dropped', async () => {
    assert.equal(
      await cli.out('stats'),
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
    const stats = statsAfter(10)
    const totals = { ...stats.totals, flooded: 3, copies: 1234, dropped: 0 }
    cli.control.answers.set('GET /stats', () => ({ ...stats, totals, drops: [] }))
    assert.match(
      await cli.out('stats'),
      /\n\nIn 10 s: .* 3 flooded \(1,234 more copies\), 0 dropped; 10 transmitted\.\n$/,
    )
  })

  it('tells what the router took and made', async () => {
    const stats = statsAfter(10)
    const totals = { ...stats.totals, consumed: 2345, originated: 17, held: 1 }
    cli.control.answers.set('GET /stats', () => ({ ...stats, totals, drops: [] }))
    assert.match(
      await cli.out('stats'),
      /10 transmitted\.\nThe router took 2,345 frames for itself and made 17; 1 wait\.\n$/,
    )
  })

  it('prints counters as JSON', async () => {
    assert.deepEqual(JSON.parse(await cli.out('stats', '--json')), statsAfter(60))
  })
})

describe('tapwire stats --watch', () => {
  /** Runs it until the API was asked `looks` times; each look finds counters of 2 seconds later. */
  async function watch(args: string[], looks: number, options: CliOptions = {}): Promise<string> {
    let asked = 0
    cli.control.answers.set('GET /stats', () => {
      asked += 1
      if (asked === looks) setImmediate(() => cli.harness.interrupt('SIGINT'))
      return statsAfter(100 + asked * 2)
    })
    const {
      code,
      out: text,
      err,
    } = await cli.tapwire(['stats', '--watch', '--interval', '0.1', ...args], options)
    assert.deepEqual([code, err, cli.harness.listening], [0, '', 0])
    return text
  }

  it('prints one JSON value a line, rates from the second on', async () => {
    const [first, second] = (await watch(['--json'], 3))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { rates: { seconds: number; ports: unknown[] } | null })
    assert.deepEqual(first, { ...statsAfter(102), rates: null })
    assert.equal(second!.rates!.seconds, 2)
    assert.deepEqual(second!.rates!.ports[0], {
      port: 0,
      receivedFrames: 1,
      receivedBits: 800,
      transmittedFrames: 0,
      transmittedBits: 0,
      dropped: 0,
    })
  })

  it('prints one table after another into a pipe', async () => {
    const text = await watch([], 3)
    assert.equal(text.includes(ESCAPE), false)
    assert.match(text, /^Up for 102 s\n\n.*\nalice +eth0 +web +- +- +- +- +-\n/)
    assert.match(text, /\nUp for 104 s\n\n.*\nalice +eth0 +web +1 +800 bit\/s +0 +0 bit\/s +0\n/)
  })

  it('draws on the alternate screen of a terminal, within its size, and leaves the last table', async () => {
    const terminal = { columns: 40, rows: 6 }
    const drawings: string[] = []
    const text = await watch([], 3, { terminal, onWrite: (written) => drawings.push(written) })
    assert.ok(text.startsWith(`${ESCAPE}[?1049h${ESCAPE}[?25l`))
    const looks = drawings.slice(1, -1)
    assert.ok(looks.length >= 2)
    for (const look of looks) {
      const lines = plain(look).split('\n')
      assert.equal(lines.pop(), '')
      assert.equal(lines.length, terminal.rows - 1)
      assert.ok(lines.every((line) => line.length <= terminal.columns))
    }
    assert.ok(drawings.at(-1)!.startsWith(`${ESCAPE}[?25h${ESCAPE}[?1049lUp for `))
  })
})
