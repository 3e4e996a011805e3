/** nat, uplink, neigh and explain against an API served by this process: what they ask for, and what they print. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ExplainAnswer } from '../../src/control/api/explain.ts'
import type { NatFlow, NatStats } from '../../src/control/api/nat.ts'
import type { Uplink } from '../../src/control/api/uplink.ts'
import { type CliOptions, ESCAPE, plain } from './cli-harness.ts'
import { CliScene } from './cli-scene.ts'

const cli = new CliScene()

const end = (source: string, destination: string, network: string, packets: number): NatFlow['original'] => {
  const [from = '', fromPort] = source.split(':')
  const [to = '', toPort] = destination.split(':')
  return {
    source: from,
    sourcePort: Number(fromPort),
    destination: to,
    destinationPort: Number(toPort),
    network,
    packets,
  }
}

const WEB_OUT: NatFlow = {
  number: 0,
  protocol: 'tcp',
  state: 'established',
  original: end('172.18.0.2:43210', '192.0.2.80:443', 'blue', 1204),
  reply: end('192.0.2.80:443', '203.0.113.10:43210', '', 2310),
  translation: 'source',
  expiresS: 7439.5,
  sandbox: 'web',
}
const WEB_IN: NatFlow = {
  number: 17,
  protocol: 'tcp',
  state: 'established',
  original: end('198.51.100.7:51512', '203.0.113.10:8080', '', 8),
  reply: end('172.18.0.2:80', '198.51.100.7:51512', 'blue', 7),
  translation: 'destination',
  expiresS: 120,
  sandbox: 'web',
  publishedPort: 8080,
}
const HAIRPIN: NatFlow = {
  number: 2,
  protocol: 'udp',
  state: 'new',
  original: end('172.18.0.3:5353', '203.0.113.10:53', 'blue', 1),
  reply: end('172.18.0.2:53', '172.18.0.1:5353', 'blue', 0),
  translation: 'both',
  expiresS: 30,
  sandbox: 'db',
  publishedPort: 53,
}
const PING: NatFlow = {
  number: 3,
  protocol: 'icmp',
  state: 'established',
  original: end('172.18.0.3:77', '192.0.2.1:77', 'blue', 3),
  reply: end('192.0.2.1:4077', '203.0.113.10:4077', '', 3),
  translation: 'source',
  expiresS: 9,
  sandbox: 'db',
}
const ROUTED: NatFlow = {
  number: 4,
  protocol: 'tcp',
  state: 'time-wait',
  original: end('198.51.100.7:4000', '172.20.0.2:80', '', 5),
  reply: end('172.20.0.2:80', '198.51.100.7:4000', 'open', 4),
  translation: 'none',
  expiresS: 60,
  sandbox: '',
}

const TABLE = `#         PROTO     STATE         SOURCE               DESTINATION         TRANSLATED                        PACKETS   REPLIES   EXPIRES   SANDBOX
4         tcp       time-wait     198.51.100.7:4000    172.20.0.2:80       -                                 5         4         60 s      -
3         icmp      established   172.18.0.3 id 77     192.0.2.1           203.0.113.10 id 4077 →            3         3         9 s       db
2         udp       new           172.18.0.3:5353      203.0.113.10:53     172.18.0.1:5353 → 172.18.0.2:53   1         0         30 s      db
0         tcp       established   172.18.0.2:43210     192.0.2.80:443      203.0.113.10:43210 →              1,204     2,310     2 h       web
17        tcp       established   198.51.100.7:51512   203.0.113.10:8080   → 172.18.0.2:80                   8         7         2 min     web
`

const serveFlows = (total: number, ...flows: NatFlow[]): void => {
  cli.control.answers.set('GET /nat/flows', () => ({ flows, total }))
}

describe('tapwire nat ls', () => {
  it('draws the connections, what is translated on its side of the arrow', async () => {
    serveFlows(5, WEB_OUT, WEB_IN, HAIRPIN, PING, ROUTED)
    assert.equal(await cli.out('nat', 'ls'), TABLE)
    assert.deepEqual(cli.control.asked, ['GET /nat/flows'])
  })

  it('asks for what options say', async () => {
    serveFlows(0)
    const options = ['--protocol', 'tcp', '--sandbox', 'web', '--network', 'blue', '--address', '192.0.2.80']
    assert.match(
      await cli.out('nat', 'ls', ...options, '--port', '443', '--limit', '7'),
      /^# +PROTO .*SANDBOX\n$/,
    )
    assert.deepEqual(cli.control.seen[0]!.query, {
      protocol: 'tcp',
      sandbox: 'web',
      network: 'blue',
      address: '192.0.2.80',
      port: '443',
      limit: '7',
    })
  })

  it('says where there are more', async () => {
    serveFlows(1234, WEB_OUT)
    const { code, out: text, err } = await cli.tapwire(['nat', 'ls'])
    assert.deepEqual([code, text.split('\n').length], [0, 3])
    assert.equal(err, '1 of 1,234 connections; --limit shows more\n')
  })

  it('prints JSON, and by a template', async () => {
    serveFlows(2, WEB_IN, WEB_OUT)
    assert.deepEqual(JSON.parse(await cli.out('nat', 'ls', '--json')), { flows: [WEB_IN, WEB_OUT], total: 2 })
    assert.equal(
      await cli.out('nat', 'ls', '--format', '{{.Sandbox}} {{.PublishedPort}} {{.Network}} {{.Translation}}'),
      'web - blue source\nweb 8080 blue destination\n',
    )
  })

  it('refuses values that are none', async () => {
    for (const [option, value] of [
      ['--protocol', 'sctp'],
      ['--port', '65536'],
      ['--port', 'http'],
      ['--limit', '0'],
      ['--interval', '0'],
    ] as const) {
      const { code, err } = await cli.tapwire(['nat', 'ls', option, value])
      assert.equal(code, 125, option)
      assert.match(err, new RegExp(`^tapwire: option '${option} .*' argument '${value}' is invalid`))
    }
    assert.deepEqual(cli.control.seen, [])
  })
})

describe('tapwire nat ls --watch', () => {
  async function watch(args: string[], options: CliOptions = {}): Promise<string> {
    let looks = 0
    cli.control.answers.set('GET /nat/flows', () => {
      looks += 1
      if (looks === 2) setImmediate(() => cli.harness.interrupt('SIGINT'))
      return { flows: looks === 1 ? [PING] : [PING, WEB_OUT], total: looks }
    })
    const result = await cli.tapwire(['nat', 'ls', '--watch', '--interval', '0.1', ...args], options)
    assert.deepEqual([result.code, result.err, cli.harness.listening], [0, '', 0])
    return result.out
  }

  it('prints one table after another into a pipe', async () => {
    const text = await watch([])
    assert.equal(text.includes(ESCAPE), false)
    assert.match(
      text,
      /^1 connection\n\n# +PROTO .*\n3 +icmp .*\n\n2 connections\n\n# +PROTO .*\n3 +icmp .*\n0 +tcp .*\n\n$/,
    )
  })

  it('prints JSON, a line for each look', async () => {
    const lines = (await watch(['--json'])).trimEnd().split('\n')
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { total: number }).total),
      [1, 2],
    )
  })

  it('draws on the screen of a terminal, within its size', async () => {
    const terminal = { columns: 60, rows: 4 }
    const drawings: string[] = []
    await watch([], { terminal, onWrite: (text) => drawings.push(text) })
    const look = plain(drawings[2]!).trimEnd().split('\n')
    assert.equal(look.length, 3)
    assert.equal(look[0], '2 connections')
    assert.ok(look.every((line) => line.length <= 60))
  })
})

describe('tapwire nat flush', () => {
  it('ends what is meant, and says how many', async () => {
    cli.control.answers.set('DELETE /nat/flows', ({ query }) => ({
      Flows: query['sandbox'] === 'web' ? 1 : 1234,
    }))
    assert.equal(await cli.out('nat', 'flush'), '1,234 connections ended\n')
    assert.equal(
      await cli.out('nat', 'flush', '--sandbox', 'web', '--protocol', 'udp'),
      '1 connection ended\n',
    )
    assert.deepEqual(cli.control.asked, ['DELETE /nat/flows', 'DELETE /nat/flows?protocol=udp&sandbox=web'])
  })
})

describe('tapwire nat stats', () => {
  const STATS: NatStats = {
    flows: 12,
    capacity: 65_536,
    perOwner: 16_384,
    byProtocol: { tcp: 8, udp: 3, icmp: 1 },
    created: 1234,
    expired: 1200,
    evicted: 0,
    refusedQuota: 22,
    refusedFull: 0,
    publishedRanges: 4,
    icmpErrorsSent: 7,
  }

  it('shows the counters', async () => {
    cli.control.answers.set('GET /nat/stats', () => STATS)
    assert.equal(
      await cli.out('nat', 'stats'),
      `CONNECTIONS   COUNT
followed         12   of 65,536; one sandbox may have 16,384
  tcp             8
  udp             3
  icmp            1
begun         1,234   since the daemon's start, as those below
expired       1,200   were silent for their time
evicted           0   made room for others
refused          22   the sandbox had as many as it may
refused           0   the table had no room

Published: 4 (a range of ports is one).
ICMP errors sent: 7.
`,
    )
    assert.deepEqual(JSON.parse(await cli.out('nat', 'stats', '--json')), STATS)
  })
})

describe('tapwire uplink', () => {
  const NONE: Uplink = {
    Uplink: 'none',
    Up: false,
    Reason: 'none is set',
    Interface: '',
    MacAddress: '',
    Address: '',
    Gateway: '',
    Mtu: 0,
    Ports: { First: 0, Last: 0 },
  }
  const NIC: Uplink = {
    Uplink: 'nic:eth0',
    Up: true,
    Reason: '',
    Interface: 'eth0',
    MacAddress: '52:54:00:12:34:56',
    Address: '203.0.113.10/24',
    Gateway: '203.0.113.254',
    Mtu: 1500,
    Ports: { First: 61_000, Last: 65_095 },
  }

  it('ls shows what is set and whether it works', async () => {
    const uplinks = [NONE, NIC, { ...NIC, Up: false, Reason: 'the interface eth0 is down' }]
    cli.control.answers.set('GET /uplink', () => uplinks[0])
    assert.equal(await cli.out('uplink', 'ls'), 'UPLINK   STATE   REASON\nnone     down    none is set\n')
    cli.control.answers.set('GET /uplink', () => ({ ...NIC, Uplink: 'none', Interface: '' }))
    assert.match(await cli.out('uplink', 'ls'), /\na network +up +- /, 'one that plays the world')
    cli.control.answers.set('GET /uplink', () => uplinks[0])
    assert.deepEqual(JSON.parse(await cli.out('uplink', 'ls', '--json')), NONE)
    uplinks.shift()
    assert.equal(
      await cli.out('uplink', 'ls'),
      `UPLINK     STATE   INTERFACE   MAC                 ADDRESS           GATEWAY         MTU    PORTS
nic:eth0   up      eth0        52:54:00:12:34:56   203.0.113.10/24   203.0.113.254   1500   61000-65095
`,
    )
    uplinks.shift()
    assert.match(await cli.out('uplink', 'ls'), / REASON\nnic:eth0 +down .* the interface eth0 is down\n$/)
  })

  it('set sends the text as it is, and shows what came of it', async () => {
    cli.control.answers.set('PUT /uplink', () => NIC)
    assert.match(await cli.out('uplink', 'set', 'nic:eth0'), /\nnic:eth0 +up /)
    assert.deepEqual(cli.control.seen[0]!.body, { Uplink: 'nic:eth0' })
  })

  it('unset takes it away', async () => {
    cli.control.answers.set('DELETE /uplink', () => NONE)
    assert.equal(await cli.out('uplink', 'unset'), '')
    assert.deepEqual(cli.control.asked, ['DELETE /uplink'])
  })
})

describe('tapwire neigh ls', () => {
  it('lists neighbours by network and address', async () => {
    const mac = '02:42:ac:12:00:02'
    cli.control.answers.set('GET /neighbours', () => ({
      neighbours: [
        { network: 'blue', uplink: false, address: '172.18.0.10', mac: '', sandbox: '', state: 'failed' },
        { network: 'blue', uplink: false, address: '172.18.0.2', mac, sandbox: 'web', state: 'reachable' },
        { network: '', uplink: true, address: '203.0.113.254', mac, sandbox: '', state: 'stale' },
      ],
    }))
    assert.equal(
      await cli.out('neigh', 'ls'),
      `NETWORK    ADDRESS         MAC                 STATE       SANDBOX
(uplink)   203.0.113.254   02:42:ac:12:00:02   stale       -
blue       172.18.0.2      02:42:ac:12:00:02   reachable   web
blue       172.18.0.10     -                   failed      -
`,
    )
    const { neighbours } = JSON.parse(await cli.out('neigh', 'ls', '--json')) as { neighbours: unknown[] }
    assert.equal(neighbours.length, 3)
  })
})

describe('tapwire explain', () => {
  const PACKET: ExplainAnswer['packet'] = {
    protocol: 'tcp',
    source: '172.18.0.2',
    destination: '172.18.0.3',
    sourcePort: 49_152,
    destinationPort: 5432,
    sandbox: 'web',
    network: 'blue',
  }
  const step = (stage: string, verdict: string, sentence: string, reason?: string) => ({
    stage,
    verdict,
    sentence,
    values: {},
    ...(reason !== undefined && { reason }),
  })
  const STEPS = [
    step('kernel', 'send', 'The kernel of web sends it by eth0 to 172.18.0.3 (02:42:ac:12:00:03).'),
    step('ingress', 'accept', 'The switch takes the frame of 58 bytes from eth0 of web, on network blue.'),
  ]
  const serve = (answer: Partial<ExplainAnswer>): void => {
    cli.control.answers.set('POST /explain', () => ({
      packet: PACKET,
      steps: STEPS,
      outcome: 'delivered',
      ...answer,
    }))
  }

  it('tells each step, and the verdict last', async () => {
    serve({})
    assert.equal(
      await cli.out('explain', 'web', 'db:5432'),
      `tcp: web (172.18.0.2 on blue) → 172.18.0.3:5432

1  kernel   send    The kernel of web sends it by eth0 to 172.18.0.3 (02:42:ac:12:00:03).
2  ingress  accept  The switch takes the frame of 58 bytes from eth0 of web, on network blue.

Delivered.
`,
    )
  })

  it('asks for the protocol and the port that stand behind the destination', async () => {
    serve({})
    const asks = async (destination: string) => {
      await cli.out('explain', 'web@blue', destination)
      return cli.control.seen.at(-1)!.body
    }
    const source = 'web@blue'
    assert.deepEqual(await asks('db@blue'), { source, destination: 'db@blue' })
    assert.deepEqual(await asks('192.0.2.1:53/udp'), {
      source,
      destination: '192.0.2.1',
      port: 53,
      protocol: 'udp',
    })
    assert.deepEqual(await asks('db:80/TCP'), { source, destination: 'db', port: 80, protocol: 'tcp' })
    assert.deepEqual(await asks('internet/icmp'), { source, destination: 'internet', protocol: 'icmp' })
  })

  it('asks for a size, a source port and a MAC address', async () => {
    serve({})
    await cli.out('explain', 'web', 'db/icmp', '--size', '1500', '--mac', '02:42:0a:01:00:09')
    const body = { source: 'web', destination: 'db', protocol: 'icmp' }
    assert.deepEqual(cli.control.seen.at(-1)!.body, { ...body, size: 1500, mac: '02:42:0a:01:00:09' })
    await cli.out('explain', 'web', 'db:80', '--source-port', '50000')
    assert.deepEqual(cli.control.seen.at(-1)!.body, {
      source: 'web',
      destination: 'db',
      port: 80,
      sourcePort: 50_000,
    })
    for (const [option, value] of [
      ['--size', '27'],
      ['--size', '65536'],
      ['--source-port', '0'],
    ] as const) {
      const { code, err } = await cli.tapwire(['explain', 'web', 'db', option, value])
      assert.equal(code, 125, err)
      assert.match(err, /It must be from/)
    }
    const { err } = await cli.tapwire(['explain', '--follow', 'web', '--size', '100'])
    assert.match(err, /told of as it passes/)
  })

  it('ends with 1 where the packet does not arrive', async () => {
    const last: readonly [outcome: ExplainAnswer['outcome'], code: number, verdict: string][] = [
      ['dropped', 1, 'Dropped: other-network.'],
      ['answered', 0, 'Answered by the router.'],
      ['tunnelled', 0, 'Sent to another host, which takes it from there.'],
      ['unknown', 1, 'How it would end is not known.'],
    ]
    const drop = step('policy', 'drop', 'The networks are kept apart.', 'other-network')
    for (const [outcome, code, verdict] of last) {
      serve({ outcome, steps: outcome === 'dropped' ? [...STEPS, drop] : STEPS })
      const result = await cli.tapwire(['explain', 'web', 'other:80'])
      assert.deepEqual([result.code, result.err], [code, ''])
      assert.ok(result.out.endsWith(`\n\n${verdict}\n`), result.out)
    }
    serve({ outcome: 'unknown', steps: [] })
    assert.equal((await cli.tapwire(['explain', 'web', 'other:80', '--json'])).code, 1)
  })

  it('begins with the address of a source beyond the uplink, and leaves ports of ICMP away', async () => {
    serve({ packet: { ...PACKET, protocol: 'icmp', destinationPort: 0, sandbox: '', network: '' } })
    assert.match(await cli.out('explain', 'internet', 'web'), /^icmp: 172\.18\.0\.2 → 172\.18\.0\.3\n/)
  })

  it('colours the verdict on a terminal, and never what a name would colour', async () => {
    const bad = step('guard', 'drop', 'A \u001B[31mred\u001B[0m sentence.')
    serve({ outcome: 'dropped', steps: [bad] })
    const { out: text } = await cli.tapwire(['explain', 'web', 'db'], {
      terminal: { columns: 80, rows: 24 },
      env: { TERM: 'xterm' },
    })
    assert.ok(text.includes(`${ESCAPE}[31mDropped.${ESCAPE}[39m`), JSON.stringify(text))
    assert.equal(text.includes(`${ESCAPE}[31mred`), false)
  })

  it('refuses destinations that are none', async () => {
    for (const [destination, message] of [
      ['db:0', "'0' is no port: it must be from 1 to 65535"],
      ['db:http', "'http' is no port: it must be from 1 to 65535"],
      ['db:80/sctp', "unknown protocol 'sctp'"],
      ['fd00::1', "'fd00::1' is no IPv4 address: the router does not route IPv6"],
    ] as const) {
      const { code, err } = await cli.tapwire(['explain', 'web', destination])
      assert.equal(code, 1)
      assert.ok(err.startsWith(`tapwire: ${message}\n`), err)
    }
    assert.deepEqual(cli.control.seen, [])
  })
})
