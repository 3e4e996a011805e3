/** What Wireshark asks external capture programs for, as it does, and the script that it finds. */
import assert from 'node:assert/strict'
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import fc from 'fast-check'
import { ExtcapArguments } from '../../../src/cli/extcap/extcap-arguments.ts'
import { foldersOf } from '../../../src/cli/extcap/extcap-folders.ts'
import { readScript, scriptText } from '../../../src/cli/extcap/extcap-script.ts'
import { CAPTURE_ID_HEADER } from '../../../src/control/capture-points.ts'
import { captureBytes } from '../capture/capture-stream-bytes.ts'
import { CliHarness, type CliOptions, type CliResult } from '../cli-harness.ts'
import { Failure, FakeControl, FakeFile, NETWORK, summary } from '../fake-control.ts'

let harness: CliHarness
let control: FakeControl

beforeEach(async () => {
  harness = new CliHarness()
  control = await FakeControl.serve(join(harness.folder, 's'))
  const web = summary(0, 0)
  control.answers.set('GET /sandboxes', () => [
    { ...web, Names: ['/web10'] },
    { ...web, Names: ['/web9'] },
  ])
  control.answers.set('GET /networks', () => [
    NETWORK,
    { ...NETWORK, Name: 'none', Driver: 'null' },
    { ...NETWORK, Name: 'amber' },
  ])
})

afterEach(async () => {
  await control.close()
  harness.remove()
})

/** As the script does. */
const asWireshark = (words: readonly string[], options: CliOptions = {}): Promise<CliResult> =>
  harness.tapwire(['--host', `unix://${control.socket}`, 'extcap', 'run', '--', ...words], options)

async function answer(...words: readonly string[]): Promise<string> {
  const { code, out, err } = await asWireshark(words)
  assert.deepEqual([code, err], [0, ''])
  return out
}

const BYTES = captureBytes({ interfaces: 2, lengths: [60, 1500, 42] })

describe('extcap', () => {
  it('names networks and sandboxes as interfaces', async () => {
    const out = await answer('--extcap-interfaces', '--extcap-version=4.0')
    const [first, ...others] = out.trimEnd().split('\n')
    assert.match(
      first!,
      /^extcap \{version=\d+\.\d+\.\d+\}\{display=Tapwire\}\{help=file:\/\/\/.*\/docs\/captures\.md\}$/,
    )
    assert.deepEqual(others, [
      'interface {value=tapwire-any}{display=Tapwire: all networks}',
      'interface {value=tapwire-uplink}{display=Tapwire: uplink}',
      'interface {value=tapwire-network-amber}{display=Tapwire: network amber}',
      'interface {value=tapwire-network-blue}{display=Tapwire: network blue}',
      'interface {value=tapwire-sandbox-web9}{display=Tapwire: sandbox web9}',
      'interface {value=tapwire-sandbox-web10}{display=Tapwire: sandbox web10}',
    ])
  })

  it('names none where no daemon runs, and starts none', async () => {
    const { code, out, err } = await harness.tapwire(['extcap', 'run', '--', '--extcap-interfaces'])
    assert.deepEqual([code, err], [0, ''])
    assert.match(out, /^extcap \{.*\}\n$/)
    assert.ok(!existsSync(harness.root))
  })

  it('names a hundred at most', async () => {
    const many = Array.from({ length: 500 }, (_, i) => ({ ...summary(0, 0), Names: [`/s${i}`] }))
    control.answers.set('GET /sandboxes', () => many)
    assert.equal((await answer('--extcap-interfaces')).match(/^interface /gm)?.length, 100)
  })

  it('has Ethernet, and settings with a place to choose where that is everywhere', async () => {
    assert.equal(
      await answer('--extcap-dlts', '--extcap-interface', 'tapwire-any'),
      'dlt {number=1}{name=EN10MB}{display=Ethernet}\n',
    )
    const config = await answer('--extcap-config', '--extcap-interface', 'tapwire-network-blue')
    const calls = [...config.matchAll(/^arg \{number=(\d)\}\{call=(--\w+)\}/gm)].map(([, number, call]) => [
      number,
      call,
    ])
    assert.deepEqual(calls, [
      ['0', '--filter'],
      ['1', '--point'],
      ['2', '--snaplen'],
      ['3', '--drops'],
      ['4', '--raw'],
      ['6', '--socket'],
    ])
    for (const line of config.trimEnd().split('\n')) assert.match(line, /^(arg|value) (\{\w+=[^{}]+\})+$/)
    assert.deepEqual(control.asked, [])
    const all = await answer('--extcap-config', '--extcap-interface', 'tapwire-any')
    assert.ok(all.startsWith(config))
    assert.match(all, /^arg \{number=5\}\{call=--place\}.*\{reload=true\}$/m)
    assert.match(all, /^value \{arg=5\}\{value=web9@blue\}/m)
    const reload = ['--extcap-config', '--extcap-interface', 'tapwire-any', '--extcap-reload-option']
    const places = await answer(...reload, 'place')
    assert.match(places, /^value \{arg=5\}\{value=any\}\{display=everything\}\{default=true\}\n/)
    assert.ok(all.endsWith(places))
    assert.equal(await answer(...reload, 'filter'), '')
  })

  it('says what is wrong with a filter, and nothing where it is right', async () => {
    const check = (filter: string) =>
      answer('--extcap-capture-filter', filter, '--extcap-interface', 'tapwire-any')
    assert.equal(await check('tcp port 80 and host web9'), '')
    assert.equal(await check('host gateway.blue'), '')
    assert.match(await check('tcp prot 80'), /^.*prot.*\n$/)
    assert.match(await check('host nobody'), /nobody/)
    await control.close()
    assert.equal(await check('host nobody'), '')
  })

  it('refuses interfaces that are none, and what says nothing', async () => {
    for (const words of [
      ['--extcap-dlts', '--extcap-interface', 'eth0'],
      ['--extcap-dlts'],
      ['--extcap-interface', 'tapwire-any'],
      ['--extcap-interface'],
      ['--capture', '--extcap-interface', 'tapwire-any'],
      ['--capture', '--extcap-interface', 'tapwire-any', '--fifo', '/f', '--point', 'here'],
      ['--capture', '--extcap-interface', 'tapwire-any', '--fifo', '/f', '--snaplen', '-1'],
    ]) {
      const { code, out, err } = await asWireshark(words)
      assert.deepEqual([code, out], [1, ''], words.join(' '))
      assert.match(err, /^tapwire: /)
    }
    assert.deepEqual(control.asked, [])
  })

  it('captures into the pipe, with what was chosen', async () => {
    control.answers.set('GET /capture', () => {
      return new FakeFile(
        { [CAPTURE_ID_HEADER]: 'abc' },
        (async function* () {
          yield BYTES
        })(),
      )
    })
    const fifo = join(harness.folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const choices = [
      '--point',
      'pre-nat',
      '--snaplen=96',
      '--drops',
      '--filter',
      'tcp',
      '--raw',
      'true',
      '--place',
      '',
    ]
    const words = ['--capture', '--extcap-interface', 'tapwire-network-blue', '--fifo', fifo, ...choices]
    const running = asWireshark([...words, '--extcap-capture-filter', 'port 80'])
    const received = await readAll(fifo)
    assert.deepEqual(await running, { code: 0, out: '', err: '' })
    assert.ok(received.equals(BYTES))
    const url = new URL(control.seen[0]!.url, 'http://daemon')
    assert.deepEqual(Object.fromEntries(url.searchParams), {
      place: 'network:blue',
      point: 'pre-nat',
      filter: '(port 80) and (tcp)',
      snaplen: '96',
      drops: 'true',
      raw: 'true',
    })
  })

  it('tells why it cannot capture before the pipe ends', async () => {
    control.answers.set('GET /capture', () => new Failure(400, 'no such filter'))
    const fifo = join(harness.folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    let told = ''
    const words = ['--capture', '--extcap-interface', 'tapwire-any', '--fifo', fifo]
    const running = asWireshark(words, { onWrite: (text) => (told += text) })
    assert.equal((await readAll(fifo)).length, 0)
    assert.equal(told, 'tapwire: no such filter\n')
    assert.equal((await running).code, 1)
  })

  it('ends when nobody reads any more, also where nothing comes', async () => {
    control.answers.set('GET /capture', () => {
      const pieces = async function* () {
        yield BYTES.subarray(0, 700)
        await new Promise(() => {})
      }
      return new FakeFile({ [CAPTURE_ID_HEADER]: 'abc' }, pieces())
    })
    const fifo = join(harness.folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const running = asWireshark(['--capture', '--extcap-interface', 'tapwire-any', '--fifo', fifo])
    const [code, signal] = (await once(
      spawn('head', ['-c', '100', fifo], { stdio: 'ignore' }),
      'exit',
    )) as unknown[]
    assert.deepEqual([code, signal], [0, null])
    const { code: ended, err } = await running
    assert.deepEqual([ended, err], [0, ''])
  })

  it('ends by a signal before anybody reads', async () => {
    const fifo = join(harness.folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    const running = asWireshark(['--capture', '--extcap-interface', 'tapwire-any', '--fifo', fifo])
    while (harness.listening === 0) await new Promise((resolve) => setImmediate(resolve))
    harness.interrupt('SIGTERM')
    assert.equal((await running).code, 0)
    assert.deepEqual(control.asked, [])
  })
})

async function readAll(fifo: string): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of createReadStream(fifo) as AsyncIterable<Buffer>) pieces.push(piece)
  return Buffer.concat(pieces)
}

describe('words of Wireshark', () => {
  it('are names with values, behind them or after an equals sign', () => {
    const given = new ExtcapArguments([
      '--capture',
      '--filter',
      '--drops',
      '--raw=false',
      '--drops',
      '--x=a=b',
      'y',
    ])
    assert.equal(given.value('filter'), '--drops')
    assert.equal(given.value('x'), 'a=b')
    assert.deepEqual(
      ['capture', 'drops', 'raw', 'y'].map((name) => given.has(name)),
      [true, true, false, false],
    )
  })
})

describe('the script for Wireshark', () => {
  /** A program in the place of Node that prints its words. */
  function fakeNode(folder: string): string {
    mkdirSync(folder, { recursive: true })
    const path = join(folder, 'node')
    writeFileSync(path, '#!/bin/sh\nfor word; do printf "%s\\0" "$word"; done\n')
    chmodSync(path, 0o755)
    return path
  }

  const run = (script: string, words: readonly string[]) => {
    const path = join(harness.folder, 'script')
    writeFileSync(path, script)
    return spawnSync('/bin/sh', [path, ...words], { encoding: 'utf8', env: {} })
  }

  it('runs the same program with the same words, whatever characters they have', () => {
    const folder = join(harness.folder, `it's "a" $HOME \\ place`)
    const node = fakeNode(folder)
    const program = join(folder, 'main.js')
    writeFileSync(program, '')
    const text = fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 10 })
    fc.assert(
      fc.property(fc.array(text), text, (words, socket) => {
        const options = ['--socket', socket]
        const script = scriptText({ node, program, options, socket })
        const { stdout, status } = run(script, ['--capture', ...words])
        assert.equal(status, 0)
        const expected = [program, ...options, 'extcap', 'run', '--', '--capture', ...words]
        assert.deepEqual(stdout.split('\0').slice(0, -1), expected)
        assert.deepEqual(readScript(script), { node, program })
      }),
      { numRuns: 20 },
    )
  })

  it('answers by itself what is the same for all', async () => {
    const node = fakeNode(harness.folder)
    const program = join(harness.folder, 'main.js')
    writeFileSync(program, '')
    const { socket } = control
    const script = scriptText({ node, program, options: [], socket })
    for (const words of [
      ['--extcap-dlts', '--extcap-interface', 'tapwire-uplink'],
      ['--extcap-config', '--extcap-interface', 'tapwire-uplink'],
    ]) {
      assert.equal(run(script, words).stdout, await answer(...words))
    }
    const any = ['--extcap-config', '--extcap-interface', 'tapwire-any']
    assert.match(run(script, any).stdout, /extcap\0run\0--\0--extcap-config/)
  })

  it('says what to do where what it runs has gone', () => {
    const script = scriptText({ node: '/no/node', program: '/no/main.js', options: [], socket: '/s' })
    const { status, stdout, stderr } = run(script, ['--extcap-interfaces'])
    assert.deepEqual([status, stdout], [1, ''])
    assert.match(stderr, /run 'tapwire extcap install' again, or remove .*script\./)
  })

  it('is installed, told of and removed', async () => {
    const dir = join(harness.folder, 'new/extcap')
    const path = join(dir, 'tapwire-extcap')
    const tapwire = (...args: string[]) => harness.tapwire(['extcap', ...args, '--dir', dir])
    assert.equal((await tapwire('status')).code, 1)
    const { code, out, err } = await tapwire('install')
    assert.deepEqual([code, out, err], [0, `${path}\n`, ''])
    assert.equal(statSync(path).mode & 0o777, 0o755)
    assert.match((await tapwire('status')).out, /tapwire-extcap +installed +\/.*main\.js\n$/)
    // The daemon that is meant now, of the environment.
    assert.ok(readFileSync(path, 'utf8').includes(` '--root' '${harness.root}' '--socket' `))
    assert.equal((await tapwire('install')).code, 0)
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('main.js', 'gone.js'))
    assert.match((await tapwire('status')).out, /what it runs is gone; install it again/)
    assert.equal((await tapwire('uninstall')).out, `${path}\n`)
    assert.ok(!existsSync(path))
    assert.match((await tapwire('uninstall')).err, /is not there/)
    writeFileSync(path, '#!/bin/sh\n')
    for (const command of ['install', 'uninstall']) {
      const refused = await tapwire(command)
      assert.equal(refused.code, 1)
      assert.match(refused.err, /is there, and is not of Tapwire/)
    }
    rmSync(path)
  })

  it('lies where Wireshark looks, before version 4.2 and since', () => {
    assert.deepEqual(
      foldersOf(
        'Temp:\t/tmp\nPersonal configuration:\t/home/u/.config/wireshark\nExtcap path:\t\t/usr/lib/extcap\n',
      ),
      { personal: '/home/u/.config/wireshark/extcap', system: '/usr/lib/extcap' },
    )
    assert.deepEqual(
      foldersOf(
        'Personal configuration:\t/home/u/.config/wireshark\nPersonal Extcap path:\t/home/u/.local/lib/wireshark/extcap\nGlobal Extcap path:\t/usr/libexec/extcap\n',
      ),
      { personal: '/home/u/.local/lib/wireshark/extcap', system: '/usr/libexec/extcap' },
    )
    assert.equal(foldersOf(''), undefined)
  })
})
