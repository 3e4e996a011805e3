/** link against an API served by this process: what it asks for, and what it prints. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Link, LinkCounts } from '../../src/control/api/link.ts'
import type { CliResult } from './cli-harness.ts'
import { CliScene } from './cli-scene.ts'
import { Failure } from './fake-control.ts'

const cli = new CliScene()

const tapwire = (...args: readonly string[]): Promise<CliResult> => cli.tapwire(args)

const COUNTS: LinkCounts = {
  passed: 12_345,
  lost: 7,
  duplicated: 6,
  reordered: 5,
  corrupted: 4,
  queueFull: 3,
  down: 2,
  waiting: 1,
}
const PLAIN: Link = {
  place: 'web2@blue',
  kind: 'endpoint',
  sandbox: 'web2',
  network: 'blue',
  interface: 'eth0',
  from: { settings: {} },
  to: { settings: {} },
}
const WEB: Link = {
  ...PLAIN,
  place: 'web10@blue',
  sandbox: 'web10',
  from: { settings: { delay: '50ms', jitter: '5ms', loss: '1%', seed: 7 }, counts: COUNTS },
}
const UPLINK: Link = {
  place: 'uplink',
  kind: 'uplink',
  sandbox: '',
  network: '',
  interface: 'eth0',
  from: { settings: { down: true } },
  to: { settings: { rate: '2mbit', queue: 100 } },
}

const TABLE = `PLACE        DIRECTION   DOES                              PASSED    LOST      OVERFLOWED   WAITING
web2@blue    both        -                                 -         -         -            -
web10@blue   from        delay 50ms ±5ms, loss 1%, seed 7   12,345    7         3            1
web10@blue   to          -                                 -         -         -            -
uplink       from        down                              -         -         -            -
uplink       to          rate 2mbit, queue 100             -         -         -            -
`

describe('tapwire link show', () => {
  beforeEach(() => {
    cli.control.answers.set('GET /links', () => ({ links: [UPLINK, WEB, PLAIN] }))
    cli.control.answers.set('GET /links/*', ({ path }) => (path.endsWith('uplink') ? UPLINK : WEB))
  })

  it('draws all links, a line a direction where one does anything', async () => {
    const squeeze = (text: string): string => text.replaceAll(/ {2,}/g, '  ')
    assert.equal(squeeze(await cli.out('link', 'show')), squeeze(TABLE))
    assert.equal(await cli.out('link', 'ls'), await cli.out('link', 'show'))
  })

  it('draws those that are named, with all that is counted', async () => {
    const wide = await cli.out('link', 'show', 'web10@blue', 'uplink', '--format', 'wide')
    assert.match(
      wide,
      /^PLACE +DIRECTION +INTERFACE +DOES +PASSED +LOST +DUPLICATED +REORDERED +CORRUPTED +OVERFLOWED/,
    )
    assert.match(wide, /\nweb10@blue +from +eth0 +delay .* seed 7 +12,345 +7 +6 +5 +4 +3 +2 +1\n/)
    assert.deepEqual(cli.control.asked, ['GET /links/web10@blue', 'GET /links/uplink'])
  })

  it('prints JSON, and by a template', async () => {
    assert.deepEqual(JSON.parse(await cli.out('link', 'show', '--json')), { links: [UPLINK, WEB, PLAIN] })
    const format =
      '{{.Place}} {{.Direction}} {{.Delay}} {{.Jitter}} {{.Rate}} {{.State}} {{.Lost}} {{.Network}}'
    assert.deepEqual((await cli.out('link', 'show', '--format', format)).split('\n').slice(1, 4), [
      'web10@blue from 50ms 5ms - up 7 blue',
      'web10@blue to - - - up - blue',
      'uplink from - - - down - -',
    ])
  })
})

describe('tapwire link set', () => {
  beforeEach(() => {
    cli.control.answers.set('POST /links/*', () => WEB)
  })

  it('sends what is given and nothing else, and shows what the link does then', async () => {
    const values = ['--delay', '50ms', '--jitter', '5ms', '--loss', '1%', '--duplicate', '0.1%']
    const more = ['--reorder', '25%', '--corrupt', '0', '--rate', '10mbit', '--queue', '100', '--seed', '-7']
    assert.match(
      await cli.out('link', 'set', 'web10', ...values, ...more),
      /^PLACE.*\nweb10@blue +from +delay 50ms/,
    )
    assert.deepEqual(cli.control.seen, [
      {
        method: 'POST',
        path: '/links/web10',
        query: {},
        url: '/links/web10',
        body: {
          delay: '50ms',
          jitter: '5ms',
          loss: '1%',
          duplicate: '0.1%',
          reorder: '25%',
          corrupt: '0',
          rate: '10mbit',
          queue: 100,
          seed: -7,
        },
      },
    ])
  })

  it('is of one direction, and takes a link down and up', async () => {
    await cli.out('link', 'set', 'web@blue', '--direction', 'to', '--down')
    await cli.out('link', 'set', 'uplink', '--direction', 'both', '--up')
    assert.deepEqual(
      cli.control.seen.map(({ path, query, body }) => [path, query['direction'], body]),
      [
        ['/links/web@blue', 'to', { down: true }],
        ['/links/uplink', 'both', { down: false }],
      ],
    )
  })

  it('tells what is wrong with the command line without asking anybody', async () => {
    for (const [args, told] of [
      [['web'], /^tapwire: There is nothing to set\.\nhint: `tapwire link set --help`/],
      [['web', '--direction', 'to'], /There is nothing to set/],
      [['web', '--down', '--up'], /cannot be used with option/],
      [['web', '--direction', 'up', '--down'], /Allowed choices are from, to, both/],
      [['web', '--queue', 'many'], /It must be a whole number/],
      [[], /missing required argument|requires/],
    ] as const) {
      const { code, err } = await tapwire('link', 'set', ...args)
      assert.notEqual(code, 0)
      assert.match(err, told)
    }
    assert.deepEqual(cli.control.seen, [])
  })

  it('tells what the daemon refuses', async () => {
    cli.control.answers.set('POST /links/*', () => new Failure(400, "invalid link: delay '50' has no unit"))
    const { code, err } = await tapwire('link', 'set', 'web', '--delay', '50')
    assert.equal(code, 1)
    assert.match(err, /^tapwire: invalid link: delay '50' has no unit\n/)
  })

  it('says in its help what the directions are, what values look like, and gives examples', async () => {
    const help = await cli.out('link', 'set', '--help')
    for (const part of [/from +what it sends/, /to +what it is sent/, /0 takes a delay/, /Examples:/]) {
      assert.match(help, part)
    }
  })
})

describe('tapwire link reset', () => {
  it('resets those that are named, and says which', async () => {
    cli.control.answers.set('DELETE /links/*', ({ path }) =>
      path.endsWith('nobody') ? new Failure(404, 'No such container: nobody') : PLAIN,
    )
    const {
      code,
      out: text,
      err,
    } = await tapwire('link', 'reset', 'nobody', 'web@blue', '--direction', 'from')
    assert.deepEqual([code, text], [1, 'web@blue\n'])
    assert.match(err, /No such container: nobody/)
    assert.deepEqual(cli.control.asked, [
      'DELETE /links/nobody?direction=from',
      'DELETE /links/web@blue?direction=from',
    ])
  })

  it('resets all of them', async () => {
    cli.control.answers.set('DELETE /links', () => ({ links: [PLAIN, UPLINK] }))
    assert.equal(await cli.out('link', 'reset', '--all'), 'web2@blue\nuplink\n')
  })

  it('wants to know which', async () => {
    for (const args of [[], ['web', '--all']]) {
      const { code, err } = await tapwire('link', 'reset', ...args)
      assert.equal(code, 1)
      assert.match(err, /hint: `tapwire link reset web` is for one/)
    }
    assert.deepEqual(cli.control.seen, [])
  })
})

describe('completion', () => {
  it('knows the places', async () => {
    cli.control.answers.set('GET /links', () => ({ links: [WEB, PLAIN, UPLINK] }))
    const offered = async (...words: readonly string[]): Promise<string> => {
      const env = { TAPWIRE_HOST: cli.host }
      return (await cli.harness.tapwire(['complete', '--', 'link', ...words], { env })).out
    }
    assert.deepEqual((await offered('set', 'we')).split('\n').slice(0, 2), [
      'web10@blue\teth0',
      'web2@blue\teth0',
    ])
    assert.match(await offered('set', 'web', '--direction', ''), /^from\t\nto\t\nboth\t\n/)
  })
})
