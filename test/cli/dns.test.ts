/** The commands for names against an API served by this process: what they ask for, and what they print. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DnsAnswerTold, DnsLogEntry, DnsRecord, DnsStats } from '../../src/control/api/dns.ts'
import { type CliOptions, type CliResult, ESCAPE, plain } from './cli-harness.ts'
import { CliScene } from './cli-scene.ts'
import { Failure } from './fake-control.ts'

const cli = new CliScene()

const tapwire = (args: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  cli.tapwire(['dns', ...args], options)

/** What a command prints that goes well. */
const out = (...args: readonly string[]): Promise<string> => cli.out('dns', ...args)

const record = (network: string, sandbox: string, name: string, kind: DnsRecord['kind']): DnsRecord => ({
  network,
  name,
  kind,
  sandbox,
  from: kind === 'link' ? 'client' : '',
  ipv4: sandbox === 'six' ? '' : '172.18.0.2',
  ipv6: sandbox === 'six' ? 'fd00::2' : '',
  ttlS: 5,
})

const RECORDS: readonly DnsRecord[] = [
  record('blue10', 'web', 'web', 'sandbox'),
  record('blue2', 'web', 'www', 'link'),
  record('blue2', 'web', '0123456789ab', 'short-id'),
  record('blue2', 'web', 'alias10', 'alias'),
  record('blue2', 'web', 'alias9', 'alias'),
  record('blue2', 'web', 'host', 'hostname'),
  record('blue2', 'web', 'web', 'sandbox'),
  record('blue2', 'six', 'six', 'sandbox'),
]

describe('tapwire dns ls', () => {
  it('lists the names of a sandbox together, the ones first by which people know it', async () => {
    cli.control.answers.set('GET /dns/records', () => ({ records: RECORDS }))
    assert.equal(
      await out('ls'),
      `NETWORK   NAME           KIND             SANDBOX   IPV4         IPV6
blue2     six            sandbox          six       -            fd00::2
blue2     web            sandbox          web       172.18.0.2   -
blue2     alias9         alias            web       172.18.0.2   -
blue2     alias10        alias            web       172.18.0.2   -
blue2     host           hostname         web       172.18.0.2   -
blue2     0123456789ab   short-id         web       172.18.0.2   -
blue2     www            link of client   web       172.18.0.2   -
blue10    web            sandbox          web       172.18.0.2   -
`,
    )
    assert.deepEqual(cli.control.asked, ['GET /dns/records'])
  })

  it('asks for one network, and prints JSON and by a template', async () => {
    cli.control.answers.set('GET /dns/records', () => ({ records: [RECORDS[7]] }))
    assert.deepEqual(JSON.parse(await out('ls', 'blue2', '--json')), { records: [RECORDS[7]] })
    assert.equal(await out('ls', 'blue2', '--format', '{{.Name}}.{{.Network}} {{.TTL}}'), 'six.blue2 5 s\n')
    assert.deepEqual(cli.control.asked, ['GET /dns/records?network=blue2', 'GET /dns/records?network=blue2'])
  })
})

describe('tapwire dns query', () => {
  const ANSWER: DnsAnswerTold = {
    name: 'db',
    type: 'A',
    sandbox: 'web',
    rcode: 'NOERROR',
    verdict: 'answered',
    answers: [
      { name: 'db', type: 'A', ttlS: 5, data: '172.18.0.3' },
      { name: 'db', type: 'A', ttlS: 5, data: '172.18.0.4' },
    ],
    additionals: [],
    steps: [
      {
        stage: 'names',
        verdict: 'match',
        sentence: 'db is an alias on network blue.',
        values: { name: 'db', kind: 'alias', network: 'blue' },
      },
      { stage: 'names', verdict: 'answer', sentence: 'That is the answer.', values: {} },
    ],
    server: '',
    durationMs: 0.184,
  }
  const serve = (change: Partial<DnsAnswerTold> = {}): void => {
    cli.control.answers.set('POST /dns/query', () => ({ ...ANSWER, ...change }))
  }

  it('prints the answer as a zone file has it, and why it is so', async () => {
    serve()
    assert.equal(
      await out('query', 'db', '--from', 'web'),
      `db.       5         IN A      172.18.0.3
db.       5         IN A      172.18.0.4

why
1  names  match   db is an alias on network blue.
2  names  answer  That is the answer.

NOERROR: answered, 0.18 ms
`,
    )
    assert.deepEqual(cli.control.seen[0]!.body, { name: 'db', from: 'web' })
    assert.deepEqual(JSON.parse(await out('query', 'db', '--from', 'web', '--json')), ANSWER)
  })

  it('asks for a type, wherever it stands', async () => {
    serve()
    for (const words of [
      ['db', 'aaaa'],
      ['db', '-t', 'AAAA'],
      ['-t', 'AAAA', 'db'],
    ]) {
      await out('query', '--from', 'web', ...words)
      assert.deepEqual(cli.control.seen.at(-1)!.body, { name: 'db', from: 'web', type: 'AAAA' })
    }
    const { code, err } = await tapwire(['query', '--from', 'web', 'db', 'A', '-t', 'A'])
    assert.deepEqual([code, err.split('\n')[0]], [1, 'tapwire: The type is given twice.'])
  })

  it('must know who asks', async () => {
    const { code, err } = await tapwire(['query', 'db'])
    assert.equal(code, 125)
    assert.match(err, /required option '--from <sandbox>' not specified/)
    assert.deepEqual(cli.control.seen, [])
  })

  it('tells apart what belongs to the answer, and the server that has given it', async () => {
    serve({
      answers: [{ name: '_80._tcp.web', type: 'SRV', ttlS: 5, data: '0 0 80 web.blue.' }],
      additionals: [{ name: 'web.blue.', type: 'A', ttlS: 5, data: '172.18.0.2' }],
      steps: [],
      verdict: 'forwarded',
      server: '192.0.2.53',
      durationMs: 12.34,
    })
    assert.equal(
      await out('query', '_80._tcp.web', 'SRV', '--from', 'web'),
      `_80._tcp.web.   5         IN SRV    0 0 80 web.blue.
; additional
web.blue.   5         IN A      172.18.0.2

why

NOERROR: forwarded by 192.0.2.53, 12.3 ms
`,
    )
  })

  it('ends with 1 where the answer is an error, and with 0 where it is empty', async () => {
    serve({ answers: [], verdict: 'empty' })
    assert.match(await out('query', 'db', 'MX', '--from', 'web'), /^; no records\n/)
    for (const [rcode, verdict] of [
      ['NXDOMAIN', 'nxdomain'],
      ['SERVFAIL', 'failed'],
      ['REFUSED', 'refused'],
    ] as const) {
      serve({ answers: [], rcode, verdict })
      const result = await tapwire(['query', 'db', '--from', 'web'])
      assert.deepEqual([result.code, result.err], [1, ''])
      assert.ok(result.out.endsWith(`\n${rcode}: ${verdict}, 0.18 ms\n`), result.out)
      assert.equal((await tapwire(['query', 'db', '--from', 'web', '--json'])).code, 1)
    }
  })

  it('tells what the daemon refuses', async () => {
    cli.control.answers.set('POST /dns/query', () => new Failure(409, 'container web is not running'))
    const { code, err } = await tapwire(['query', 'db', '--from', 'web'])
    assert.deepEqual([code, err], [1, 'tapwire: container web is not running\n'])
  })

  it('colours the verdict on a terminal, and never what an answer would colour', async () => {
    const data = '"\u001B[31mred\u001B[0m"'
    serve({ answers: [{ name: 'db', type: 'TXT', ttlS: 5, data }], rcode: 'NXDOMAIN', verdict: 'forwarded' })
    const { out: text } = await tapwire(['query', 'db', '--from', 'web'], {
      terminal: { columns: 80, rows: 24 },
      env: { TERM: 'xterm' },
    })
    assert.ok(text.includes(`${ESCAPE}[31mNXDOMAIN: forwarded`), JSON.stringify(text))
    assert.equal(text.includes(`${ESCAPE}[31mred`), false)
  })
})

describe('tapwire dns stats', () => {
  const STATS: DnsStats = {
    udp: 1234,
    other: 6,
    verdicts: {
      answered: 1000,
      empty: 200,
      nxdomain: 3,
      forwarded: 30,
      cached: 4,
      failed: 1,
      refused: 2,
      malformed: 0,
      unsupported: 0,
    },
    truncated: 7,
    pending: 5,
    names: 12,
    endpoints: 3,
    cache: { entries: 20, capacity: 8192, hits: 4, misses: 30, evicted: 0 },
    servers: [
      {
        address: '192.0.2.10',
        sandbox: '',
        asked: 31,
        answered: 30,
        timeouts: 1,
        failures: 0,
        rejected: 2,
        roundTripMs: 12.34,
      },
      {
        address: '198.51.100.1',
        sandbox: 'web',
        asked: 1,
        answered: 0,
        timeouts: 1,
        failures: 0,
        rejected: 0,
      },
      {
        address: '192.0.2.9',
        sandbox: '',
        asked: 0,
        answered: 0,
        timeouts: 0,
        failures: 0,
        rejected: 0,
      },
    ],
  }

  it('shows the counters', async () => {
    cli.control.answers.set('GET /dns/stats', () => STATS)
    assert.equal(
      await out('stats'),
      `QUESTIONS     COUNT
asked         1,240   since the daemon's start, as those below
  udp         1,234   by frames to a gateway's port 53
  other           6   by TCP, or at 127.0.0.11
answered      1,000   from the networks' names
empty           200   have the name, and nothing of the type
nxdomain          3   no network has the name, and nobody was to be asked
forwarded        30   by a server outside
cached            4   as a server outside did before
failed            1   no server outside has answered
refused           2   from who has no names here, or of whom too many wait
malformed         0   could not be read
unsupported       0   of a kind that is not served
cut short         7   did not fit the client, which may ask by TCP
waiting           5   for a server outside, now

Names: 12, of 3 endpoints.
Cache: 20 of 8,192 answers; 4 found, 30 not, 0 evicted.

SERVER         OF          ASKED   ANSWERED   TIMEOUTS   FAILURES   REJECTED      TIME
192.0.2.9      (machine)       0          0          0          0          0         -
192.0.2.10     (machine)      31         30          1          0          2   12.3 ms
198.51.100.1   web             1          0          1          0          0         -
`,
    )
    assert.deepEqual(JSON.parse(await out('stats', '--json')), STATS)
  })

  it('shows what a newer daemon has more of, and no table of no servers', async () => {
    cli.control.answers.set('GET /dns/stats', () => ({ ...STATS, verdicts: { signed: 9 }, servers: [] }))
    const text = await out('stats')
    assert.match(text, /\nunsupported +0 .*\nsigned +9\ncut short +7 /)
    assert.match(text, / 0 evicted\.\n$/)
  })

  it('--watch goes on until Ctrl-C', async () => {
    let looks = 0
    cli.control.answers.set('GET /dns/stats', () => {
      looks += 1
      if (looks === 2) setImmediate(() => cli.harness.interrupt('SIGINT'))
      return { ...STATS, udp: looks, other: 0 }
    })
    const result = await tapwire(['stats', '--watch', '--interval', '0.1', '--json'])
    assert.deepEqual([result.code, result.err, cli.harness.listening], [0, '', 0])
    const lines = result.out.trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as DnsStats).udp),
      [1, 2],
    )
    looks = 0
    const drawn = await tapwire(['stats', '--watch', '--interval', '0.1'], {
      terminal: { columns: 70, rows: 8 },
    })
    assert.match(plain(drawn.out), /asked +2 /)
  })
})

describe('tapwire dns log', () => {
  const entry = (sequence: number, change: Partial<DnsLogEntry> = {}): DnsLogEntry => ({
    sequence,
    at: `2026-01-02T15:04:0${sequence % 10}.678Z`,
    sandbox: 'web',
    name: 'db',
    type: 'A',
    verdict: 'answered',
    rcode: 'NOERROR',
    answers: 1,
    waitedMs: 0,
    server: '',
    ...change,
  })
  const OUTSIDE: Partial<DnsLogEntry> = {
    name: 'example.org',
    type: 'AAAA',
    verdict: 'forwarded',
    answers: 2,
    waitedMs: 12.34,
    server: '192.0.2.53',
  }

  it('has a line for each question, oldest first', async () => {
    const failed = entry(3, {
      sandbox: '',
      verdict: 'failed',
      rcode: 'SERVFAIL',
      answers: 0,
      waitedMs: 12_500,
    })
    const entries = [entry(1), entry(2, OUTSIDE), failed, entry(4, { name: '' })]
    cli.control.answers.set('GET /dns/log', () => ({ entries, last: 4, lost: 9 }))
    assert.equal(
      await out('log'),
      `2026-01-02T15:04:01.678Z  web           db                        A     answered     NOERROR   1 answer
2026-01-02T15:04:02.678Z  web           example.org               AAAA  forwarded    NOERROR   2 answers   12.3 ms  192.0.2.53
2026-01-02T15:04:03.678Z  -             db                        A     failed       SERVFAIL  0 answers   12500 ms
2026-01-02T15:04:04.678Z  web           .                         A     answered     NOERROR   1 answer
`,
    )
    assert.deepEqual(cli.control.asked, ['GET /dns/log?after=0'])
  })

  it('shows the last ones, those of one sandbox, and JSON', async () => {
    const entries = [entry(1), entry(2), entry(3)]
    cli.control.answers.set('GET /dns/log', () => ({ entries, last: 3, lost: 0 }))
    const lines = (await out('log', '-n', '2', '--json', '--from', 'web')).trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as unknown),
      entries.slice(1),
    )
    assert.deepEqual(cli.control.asked, ['GET /dns/log?after=0&sandbox=web'])
    assert.equal(await out('log', '--tail', '0'), '')
    assert.equal((await out('log', '--tail', '9')).split('\n').length, 4)
    const { code, err } = await tapwire(['log', '--tail', '-1'])
    assert.equal(code, 125)
    assert.match(err, /argument '-1' is invalid. It must not be negative\./)
  })

  it('never lets a name steer the terminal', async () => {
    const entries = [entry(1, { name: `\u001B[31mred` })]
    cli.control.answers.set('GET /dns/log', () => ({ entries, last: 1, lost: 0 }))
    assert.equal((await out('log')).includes(ESCAPE), false)
  })

  /** Answers of the daemon by what is asked for; Ctrl-C with the last one. */
  async function follow(answers: readonly object[], args: readonly string[] = []): Promise<CliResult> {
    const rest = [...answers]
    cli.control.answers.set('GET /dns/log', () => {
      const answer = rest.shift()
      // The interruption comes when the answer has been read: before the next look.
      if (rest.length === 0) cli.control.answers.set('GET /dns/log', () => cli.harness.interrupt('SIGINT'))
      return answer
    })
    const result = await tapwire(['log', '--follow', '--interval', '0.1', '--json', ...args])
    assert.deepEqual([result.code, cli.harness.listening], [130, 0])
    return result
  }

  const sequences = ({ out: text }: CliResult): number[] =>
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as DnsLogEntry).sequence)

  it('--follow goes on behind what it has shown, and ends with Ctrl-C', async () => {
    const result = await follow(
      [
        { entries: [entry(1), entry(2)], last: 2, lost: 5 },
        { entries: [], last: 2, lost: 0 },
        { entries: [entry(3)], last: 4, lost: 0 },
      ],
      ['-n', '1', '--from', 'web'],
    )
    assert.equal(result.err, '')
    assert.deepEqual(sequences(result), [2, 3])
    assert.deepEqual(
      cli.control.seen.map(({ query }) => [query['after'], query['sandbox']]),
      [
        ['0', 'web'],
        ['2', 'web'],
        ['2', 'web'],
        ['4', 'web'],
      ],
    )
  })

  it('--follow says how many it could not show', async () => {
    const result = await follow([
      { entries: [], last: 0, lost: 0 },
      { entries: [entry(2000)], last: 2000, lost: 1999 },
    ])
    assert.equal(result.err, '1,999 questions more than are remembered: not shown\n')
    assert.deepEqual(sequences(result), [2000])
  })

  it('--follow begins anew with a daemon that has begun anew', async () => {
    const result = await follow([
      { entries: [entry(7)], last: 7, lost: 0 },
      { entries: [], last: 1, lost: 0 },
      { entries: [entry(1)], last: 1, lost: 0 },
    ])
    assert.deepEqual(sequences(result), [7, 1])
    assert.deepEqual(
      cli.control.seen.map(({ query }) => query['after']),
      ['0', '7', '0', '1'],
    )
  })
})

describe('tapwire dns flush', () => {
  it('says how many answers are forgotten', async () => {
    cli.control.answers.set('DELETE /dns/cache', () => ({ Answers: 1234 }))
    assert.equal(await out('flush'), '1,234 answers forgotten\n')
    assert.deepEqual(cli.control.asked, ['DELETE /dns/cache'])
  })
})
