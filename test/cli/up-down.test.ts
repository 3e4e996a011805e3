/** up, down, save, graph and -H LAB/HOST against an API served by this process: what they ask for, and what they print. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { LabAction, LabStatus } from '../../src/control/api/lab.ts'
import type { Progress } from '../../src/control/api/progress.ts'
import { API_VERSION, API_VERSION_HEADER } from '../../src/control/api-version.ts'
import { parseLab } from '../../src/control/lab-file.ts'
import { ESCAPE, plain } from './cli-harness.ts'
import { CliScene } from './cli-scene.ts'
import { DEMO } from './fake-api.ts'
import { Failure, FakeControl } from './fake-control.ts'

const cli = new CliScene()
let labFile: string

beforeEach(() => {
  cli.control.answers.set('PUT /labs/demo', () => lines(...STEPS, { ready: true, actions: ACTIONS }))
  cli.control.answers.set('DELETE /labs/demo', () =>
    lines(step('Remove 2 sandboxes', 'start'), { ready: true }),
  )
  cli.control.answers.set('GET /labs/demo', () => STATUS)
  cli.control.answers.set('GET /labs/demo/file', () => DEMO)
  cli.control.answers.set('GET /labs', () => [summary('demo')])
  labFile = join(cli.harness.folder, 'lab', 'demo.yaml')
  mkdirSync(dirname(labFile))
  writeFileSync(labFile, DEMO)
})

afterEach(() => assert.equal(cli.harness.listening, 0))

const lines = (...progress: readonly Progress[]): string =>
  progress.map((line) => `${JSON.stringify(line)}\n`).join('')

const step = (name: string, state: 'start' | 'done' | 'failed'): Progress => ({ step: name, state })

const summary = (name: string): object => ({ name, networks: 2, sandboxes: 2, running: 2, hosts: [] })

const STEPS = [step('Make 2 networks', 'start'), step('Make 2 networks', 'done')]
const ACTIONS: LabAction[] = [
  { action: 'create', kind: 'network', name: 'web' },
  { action: 'recreate', kind: 'sandbox', name: 'bob', reason: 'its command has changed' },
  { action: 'connect', kind: 'sandbox', name: 'alice', network: 'web', host: 'left' },
]

const endpoint = (network: string, address: string): LabStatus['hosts'][number]['endpoints'][number] => ({
  network,
  interface: 'eth0',
  address,
  prefixLength: 24,
  mac: '02:42:0a:01:00:02',
})

const STATUS: LabStatus = {
  name: 'demo',
  networks: [{ name: 'web', driver: 'bridge', subnets: [{ subnet: '10.1.0.0/24', gateway: '10.1.0.1' }] }],
  sandboxes: [
    { name: 'alice', id: 'a1', namespace: '', state: 'idle', endpoints: [endpoint('web', '10.1.0.2')] },
    { name: 'bob', id: 'b0', namespace: '', state: 'running', endpoints: [endpoint('web', '10.1.0.3')] },
  ],
  services: [],
  hosts: [{ name: 'left', id: 'c0', state: 'running', socket: '/nowhere/left.sock', endpoints: [] }],
}

describe('tapwire up', () => {
  it('shows the steps on standard error, the lab on standard output, and what to try', async () => {
    const { code, out, err } = await cli.tapwire(['up', labFile])
    assert.deepEqual([code, err], [0, '… Make 2 networks\n✔ Make 2 networks\n'])
    assert.equal(
      out,
      `Lab demo is up.

SANDBOX   INTERFACE   NETWORK   ADDRESS       MAC
alice     eth0        web       10.1.0.2/24   02:42:0a:01:00:02
bob       eth0        web       10.1.0.3/24   02:42:0a:01:00:02
left

Try the following:
  tapwire exec alice ping -c 3 10.1.0.3
  tapwire exec alice ip address
  tapwire -H demo/left ps
  tapwire fdb ls
  tapwire stats --watch
  tapwire down demo
`,
    )
  })

  it('shows the services of the lab', async () => {
    const service = {
      name: 'shop',
      id: 'e0',
      network: 'web',
      endpointMode: 'vip',
      address: '10.1.0.254',
    } as const
    const port = { protocol: 'tcp', target: 80, published: 5000, mode: 'ingress' } as const
    cli.control.answers.set('GET /labs/demo', () => ({
      ...STATUS,
      services: [{ ...service, ports: [port] }],
    }))
    const { out } = await cli.tapwire(['up', labFile])
    assert.match(
      out,
      /\n\nSERVICE {3}NETWORK {3}ADDRESS {6}PORTS\nshop {6}web {7}10\.1\.0\.254 {3}\*:5000->80\/tcp\n\nTry /,
    )
    assert.match(out, /^ {2}tapwire service ps shop$/m)
  })

  it('sends the whole lab, with every address given out', async () => {
    await cli.tapwire(['up', labFile])
    const [put] = cli.control.seen
    assert.deepEqual(put?.body, JSON.parse(JSON.stringify(parseLab(DEMO, labFile))))
  })

  it('says what it would do, and nothing more', async () => {
    cli.control.answers.set('PUT /labs/demo', () => ({ actions: ACTIONS }))
    const { out } = await cli.tapwire(['up', '--dry-run', labFile])
    assert.deepEqual(cli.control.asked, ['PUT /labs/demo?dryRun=true'])
    assert.equal(
      out,
      'create network web\nrecreate sandbox bob (its command has changed)\nleft: connect alice to web\n',
    )
    const json = await cli.tapwire(['up', '--dry-run', '--json', labFile])
    assert.deepEqual(JSON.parse(json.out), { actions: ACTIONS })
  })

  it('says so where there is nothing to do', async () => {
    cli.control.answers.set('PUT /labs/demo', () => lines({ ready: true, actions: [] }))
    assert.deepEqual(await cli.tapwire(['up', labFile]), { code: 0, out: 'Nothing to do.\n', err: '' })
  })

  it('prints the lab as JSON', async () => {
    assert.deepEqual(JSON.parse((await cli.tapwire(['up', '--json', labFile])).out), STATUS)
  })

  it('turns a sign on a terminal and leaves one line a step', async () => {
    const terminal = { columns: 80, rows: 24 }
    const { err } = await cli.tapwire(['up', labFile], { terminal, env: { NO_COLOR: '1' } })
    assert.ok(err.endsWith(`${ESCAPE}[1F${ESCAPE}[J✔ Make 2 networks\n`))
    assert.match(plain(err), /^(?:[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Make 2 networks\n)+✔ Make 2 networks\n$/)
  })

  it('hands on why the daemon stopped half-way, and what the daemon refuses', async () => {
    const failed = { code: 'LAB_INCOMPLETE', message: 'Only in part.', hint: 'Try again.' }
    cli.control.answers.set('PUT /labs/demo', () =>
      lines(step('Make sandboxes', 'start'), step('Make sandboxes', 'failed'), { failed }),
    )
    assert.deepEqual(await cli.tapwire(['up', labFile]), {
      code: 1,
      out: '',
      err: '… Make sandboxes\n✖ Make sandboxes\ntapwire: Only in part.\nhint: Try again.\n',
    })
    cli.control.answers.set('PUT /labs/demo', () => new Failure(409, 'It belongs to others.'))
    assert.equal((await cli.tapwire(['up', labFile])).err, 'tapwire: It belongs to others.\n')
  })

  it('says so where the daemon ends before all is done', async () => {
    cli.control.answers.set('PUT /labs/demo', () => lines(step('Make sandboxes', 'start')))
    const { code, err } = await cli.tapwire(['up', labFile])
    assert.equal(code, 1)
    assert.match(err, /\ntapwire: The daemon has ended before all was done\.\nhint: /)
  })

  it('ends between two steps when it is interrupted', async () => {
    const socket = join(cli.harness.folder, 'slow')
    const server = createServer((_, response) => {
      response.setHeader(API_VERSION_HEADER, API_VERSION)
      response.write(lines(step('Make sandboxes', 'start')))
    })
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    const { code, err } = await cli.harness.tapwire(['--host', socket, 'up', labFile], {
      onWrite: (text) => {
        if (text.startsWith('… Make')) cli.harness.interrupt('SIGINT')
      },
    })
    assert.equal(code, 130)
    assert.match(err, /\ntapwire: Interrupted\.\nhint: What was done of lab 'demo' stays; /)
    await new Promise((resolve) => server.close(resolve))
  })

  it('reads the lab file first of all', async () => {
    writeFileSync(labFile, 'networks: 5\n')
    const { code, err } = await cli.tapwire(['up', labFile])
    assert.equal(code, 1)
    assert.match(err, /demo\.yaml:1:11: networks must be a map from names to networks, not 5\n/)
    assert.deepEqual(cli.control.asked, [])
  })
})

describe('tapwire down', () => {
  it('takes the only lab down, one that is named, that of a file, or all', async () => {
    for (const args of [[], ['demo'], [labFile], ['--all']]) {
      assert.deepEqual(await cli.tapwire(['down', ...args]), {
        code: 0,
        out: 'Lab demo is down.\n',
        err: '… Remove 2 sandboxes\n',
      })
    }
  })

  it('wants to know which, where there are several', async () => {
    cli.control.answers.set('GET /labs', () => [summary('demo'), summary('other')])
    assert.deepEqual(await cli.tapwire(['down']), {
      code: 1,
      out: '',
      err: 'tapwire: Several labs are up: demo, other.\nhint: Choose one with `tapwire down NAME`, or take all down with --all.\n',
    })
  })

  it('says so where nothing is up, or no daemon runs, and is content with --all', async () => {
    cli.control.answers.set('GET /labs', () => [])
    const nothing =
      'tapwire: No lab is up.\nhint: Bring one up with `tapwire up LAB.yaml`, for example examples/demo.yaml.\n'
    for (const line of [['--host', cli.control.socket], []]) {
      const { code, out, err } = await cli.harness.tapwire([...line, 'down'])
      assert.deepEqual({ code, out, err }, { code: 1, out: '', err: nothing })
      assert.deepEqual(await cli.harness.tapwire([...line, 'down', '--all']), { code: 0, out: '', err: '' })
    }
  })
})

describe('tapwire save', () => {
  it('prints the lab file of a lab, or of everything, or writes it', async () => {
    cli.control.answers.set('GET /file', () => 'networks: {}\n')
    assert.deepEqual(await cli.tapwire(['save', 'demo']), { code: 0, out: DEMO, err: '' })
    assert.equal((await cli.tapwire(['save'])).out, 'networks: {}\n')
    const copy = join(cli.harness.folder, 'copy.yaml')
    assert.deepEqual(await cli.tapwire(['save', 'demo', '-o', copy]), { code: 0, out: '', err: '' })
    assert.equal(readFileSync(copy, 'utf8'), DEMO)
  })

  it('tells what is left out', async () => {
    const text = `# WARNING: Network pair is left out: it is odd.\n${DEMO}`
    cli.control.answers.set('GET /file', () => text)
    assert.deepEqual(await cli.tapwire(['save']), {
      code: 0,
      out: text,
      err: 'WARNING: Network pair is left out: it is odd.\n',
    })
  })

  it('says so where it cannot write', async () => {
    const { code, err } = await cli.tapwire(['save', 'demo', '-o', '/nowhere/copy.yaml'])
    assert.equal(code, 1)
    assert.match(err, /^tapwire: Cannot write \/nowhere\/copy\.yaml: ENOENT/)
  })
})

describe('tapwire graph', () => {
  it('draws a lab file, a lab by its name, and the only lab, all the same', async () => {
    const { out } = await cli.tapwire(['graph', '-f', 'dot', labFile])
    assert.match(out, /^graph "demo" \{\n/)
    assert.deepEqual(cli.control.asked, [])
    assert.equal((await cli.tapwire(['graph', '-f', 'dot', 'demo'])).out, out)
    assert.equal((await cli.tapwire(['graph', '--format', 'dot'])).out, out)
  })

  it('draws SVG unless told otherwise, and Mermaid', async () => {
    assert.match((await cli.tapwire(['graph', labFile])).out, /^<svg /)
    assert.match((await cli.tapwire(['graph', '-f', 'mermaid', labFile])).out, /^flowchart /)
    assert.equal((await cli.tapwire(['graph', '-f', 'png', labFile])).code, 125)
  })
})

describe('-H LAB/HOST', () => {
  it('is the daemon in that host, which the outer one knows', async () => {
    const inner = await FakeControl.serve(join(cli.harness.folder, 'left.sock'))
    inner.answers.set('GET /sandboxes', () => [])
    const status = { ...STATUS, hosts: [{ ...STATUS.hosts[0]!, socket: inner.socket }] }
    cli.control.answers.set('GET /labs/demo', () => status)
    for (const [args, env] of [
      [['--socket', cli.control.socket, '-H', 'demo/left'], {}],
      [['-H', 'demo/left'], { TAPWIRE_HOST: cli.control.socket }],
    ] as const) {
      const { code, err } = await cli.harness.tapwire([...args, 'ps'], { env })
      assert.deepEqual([code, err], [0, ''])
    }
    assert.deepEqual(inner.asked, ['GET /sandboxes', 'GET /sandboxes'])
    const unknown = await cli.harness.tapwire(['--socket', cli.control.socket, '-H', 'demo/lift', 'ps'])
    assert.match(unknown.err, /^tapwire: Lab 'demo' has no host 'lift'\.\nhint: .*left/)
    await inner.close()
  })
})
