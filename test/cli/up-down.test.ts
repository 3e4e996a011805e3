import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { parseLab } from '../../src/control/lab-file.ts'
import { labPaths, livingDaemon, processRuns } from '../../src/control/run-directory.ts'
import { CliHarness, type CliOptions, ESCAPE, plain } from './cli-harness.ts'
import { DEMO, serveFakeApi, statusOf } from './fake-api.ts'

let harness: CliHarness
let labFile: string
/** Where the command line makes its temporary files. */
let temporary: string

beforeEach(() => {
  harness = new CliHarness()
  labFile = join(harness.folder, 'lab', 'demo.yaml')
  temporary = join(harness.folder, 'tmp')
  mkdirSync(temporary)
  mkdirSync(dirname(labFile))
  writeFileSync(labFile, DEMO)
})

afterEach(async () => {
  await harness.tapwire(['down', '--all'])
  assert.deepEqual(readdirSync(temporary), [])
  harness.remove()
})

/** tmpdir() reads TMPDIR of this process. */
async function tapwire(args: string[], options: CliOptions = {}) {
  const before = process.env['TMPDIR']
  process.env['TMPDIR'] = temporary
  try {
    return await harness.tapwire(args, options)
  } finally {
    if (before === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = before
  }
}

describe('tapwire up', () => {
  it('shows the steps on standard error, the lab on standard output, and what to try', async () => {
    const { code, out, err } = await tapwire(['up', labFile])
    assert.deepEqual([code, err], [0, '… Make namespaces\n✔ Make namespaces (2)\n'])
    assert.match(
      out,
      /^Lab demo is up \(io_uring, process \d+\)\.\n\nSANDBOX   INTERFACE   NETWORK   ADDRESS       MAC\nalice     eth0        web       10\.1\.0\.2\/24   02:42:0a:01:00:02\n/,
    )
    assert.match(
      out,
      /\nTry the following:\n  tapwire exec alice -- ping -c 3 10\.1\.0\.3\n[^]*  tapwire down demo\n$/,
    )
    assert.ok(livingDaemon(labPaths(harness.run, 'demo')) !== undefined)
  })

  it("runs the daemon in the lab file's folder, with the backend that was asked for", async () => {
    const { out } = await tapwire(['up', labFile, '--io', 'epoll', '--json'])
    const paths = labPaths(harness.run, 'demo')
    const pid = livingDaemon(paths)!
    assert.deepEqual(JSON.parse(out), statusOf(parseLab(DEMO, 'demo.yaml'), { pid, backend: 'epoll' }))
    assert.equal(readFileSync(paths.log, 'utf8'), `in ${dirname(labFile)}\n`)
  })

  it('turns a sign on a terminal and leaves one line a step', async () => {
    const terminal = { columns: 80, rows: 24 }
    const { err } = await tapwire(['up', labFile], { terminal, env: { NO_COLOR: '1' } })
    assert.ok(err.endsWith(`${ESCAPE}[1F${ESCAPE}[J✔ Make namespaces (2)\n`))
    assert.match(plain(err), /^(?:[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] Make namespaces\n)+✔ Make namespaces \(2\)\n$/)
  })

  it('refuses a lab that is up already', async () => {
    await tapwire(['up', labFile])
    const { code, out, err } = await tapwire(['up', labFile])
    assert.deepEqual([code, out], [1, ''])
    assert.match(
      err,
      /^tapwire: Lab 'demo' is up already\.\nhint: Take it down first with `tapwire down demo`/,
    )
  })

  it('leaves what a dead daemon left to the new one', async () => {
    await serveFakeApi(harness.run, 'demo').then((api) => api.close())
    const { pid } = spawnSync(process.execPath, ['--version'])
    writeFileSync(labPaths(harness.run, 'demo').pid, String(pid))
    assert.equal((await tapwire(['up', labFile])).code, 0)
  })

  it('refuses where a daemon runs and gives no answer', async () => {
    const paths = labPaths(harness.run, 'demo')
    mkdirSync(paths.directory, { recursive: true })
    writeFileSync(paths.pid, String(process.pid))
    const { code, err } = await tapwire(['up', labFile])
    assert.equal(code, 1)
    assert.match(err, /^tapwire: The daemon of lab 'demo' \(process \d+\) runs, but: /)
    writeFileSync(paths.pid, '')
  })

  it('hands on why the daemon cannot start', async () => {
    const { code, out, err } = await tapwire(['up', labFile], { env: { FAKE_DAEMON: 'refuse' } })
    assert.deepEqual([code, out], [1, ''])
    assert.equal(
      err,
      '… Open TAPs\n✖ Open TAPs (EPERM)\ntapwire: Opening /dev/net/tun is forbidden.\nhint: Run as root.\n',
    )
  })

  it('shows what a daemon said that died', async () => {
    const crash = await tapwire(['up', labFile], { env: { FAKE_DAEMON: 'crash' } })
    assert.equal(crash.code, 1)
    assert.match(
      crash.err,
      /^tapwire: The daemon ended with exit code 3 before its work was done:\nError: nothing works\n/,
    )
    const babble = await tapwire(['up', labFile], { env: { FAKE_DAEMON: 'babble' } })
    assert.match(
      babble.err,
      /^tapwire: The daemon ended with exit code 0 before its work was done:\nhello\nhint: /,
    )
    const missing = await tapwire(['up', labFile], { daemonProgram: '/nowhere/daemon.js' })
    assert.match(missing.err, /Cannot find module '\/nowhere\/daemon\.js'/)
  })

  it('tells the daemon to end when it is interrupted, and waits for that', async () => {
    const { code, err } = await tapwire(['up', labFile], {
      env: { FAKE_DAEMON: 'slow' },
      onWrite: (text) => {
        if (text.includes('… Make namespaces')) setImmediate(() => harness.interrupt('SIGTERM'))
      },
    })
    assert.equal(code, 130)
    assert.equal(
      err,
      '… Make namespaces\n… Stopping; once more to leave that to the daemon\n✔ Make namespaces\ntapwire: Interrupted by SIGTERM.\n',
    )
    assert.equal(harness.listening, 0)
  })

  it('leaves the daemon to itself when it is interrupted twice', async () => {
    const { code, err } = await tapwire(['up', labFile], {
      env: { FAKE_DAEMON: 'busy' },
      onWrite: (text) => {
        if (/Make namespaces|Stopping/.test(text)) setImmediate(() => harness.interrupt('SIGINT'))
      },
    })
    assert.equal(code, 130)
    assert.match(
      err,
      /\ntapwire: Interrupted by SIGINT\.\nhint: The daemon still takes down what it has built\.\n$/,
    )
    assert.equal(harness.listening, 0)
  })

  it('reads the lab file first of all', async () => {
    writeFileSync(labFile, 'networks: 5\n')
    const { code, err } = await tapwire(['up', labFile], { env: { FAKE_DAEMON: 'crash' } })
    assert.equal(code, 1)
    assert.match(err, /demo\.yaml:1:11: networks must be a map from names to networks, not 5\n/)
  })

  it('refuses a run directory with a path too long for a socket', async () => {
    const { code, err } = await tapwire(['up', labFile], { env: { TAPWIRE_RUN: `/tmp/${'x'.repeat(100)}` } })
    assert.equal(code, 1)
    assert.match(
      err,
      /^tapwire: The path .*\/demo\/api\.sock has 119 bytes; a socket's path can have 107\.\nhint: Set TAPWIRE_RUN/,
    )
  })
})

describe('tapwire down', () => {
  it('ends the daemon of the only lab', async () => {
    await tapwire(['up', labFile])
    const paths = labPaths(harness.run, 'demo')
    const pid = livingDaemon(paths)!
    const { code, out, err } = await tapwire(['down'])
    assert.deepEqual([code, out, err], [0, '', '… Take lab demo down\n✔ Take lab demo down\n'])
    assert.equal(processRuns(pid), false)
    assert.equal(existsSync(paths.directory), false)
  })

  it('takes the name of a lab, its file, or all', async () => {
    const second = join(harness.folder, 'second.yaml')
    writeFileSync(second, DEMO)
    for (const args of [['demo', 'second'], [labFile, second], ['--all']]) {
      await tapwire(['up', labFile])
      await tapwire(['up', second])
      for (const arg of args) assert.equal((await tapwire(['down', arg])).code, 0)
      assert.deepEqual(readdirSync(harness.run), [])
    }
  })

  it('wants to know which, where there are several', async () => {
    await tapwire(['up', labFile])
    const second = join(harness.folder, 'second.yaml')
    writeFileSync(second, DEMO)
    await tapwire(['up', second])
    const { code, err } = await tapwire(['down'])
    assert.equal(code, 1)
    assert.equal(
      err,
      'tapwire: Several labs are up: demo, second.\nhint: Choose one with `tapwire down NAME`, or take all down with --all.\n',
    )
  })

  it('says so where nothing is up, and is content with --all', async () => {
    const { code, err } = await tapwire(['down'])
    assert.equal(code, 1)
    assert.match(err, /^tapwire: No lab is up\.\n/)
    assert.equal((await tapwire(['down', '--all'])).code, 0)
  })

  it('lets the daemon program clear up what a dead daemon left', async () => {
    const api = await serveFakeApi(harness.run, 'demo')
    await api.close()
    const { pid } = spawnSync(process.execPath, ['--version'])
    writeFileSync(labPaths(harness.run, 'demo').pid, String(pid))

    const crash = await tapwire(['down', 'demo'], { env: { FAKE_DAEMON: 'crash' } })
    assert.equal(crash.code, 1)
    assert.match(
      crash.err,
      /tapwire: The daemon ended with exit code 3 before its work was done:\nError: nothing works\n/,
    )

    const refuse = await tapwire(['down', 'demo'], { env: { FAKE_DAEMON: 'refuse' } })
    assert.match(refuse.err, /\ntapwire: It is in use\.\nhint: Wait\.\n$/)

    const { code, err } = await tapwire(['down', 'demo'])
    assert.equal(code, 0)
    assert.equal(
      err,
      '… Remove what the daemon of lab demo left\n✔ Remove what the daemon of lab demo left\n',
    )
    assert.deepEqual(readdirSync(harness.run), [])
  })

  it('tells a daemon that refuses', async () => {
    const api = await serveFakeApi(harness.run, 'demo')
    const { code, err } = await tapwire(['down'])
    await api.close()
    assert.equal(code, 1)
    assert.match(err, /^… Take lab demo down\ntapwire: There is no such thing\.\n/)
    writeFileSync(labPaths(harness.run, 'demo').pid, '')
  })
})
