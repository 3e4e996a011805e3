import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { LogEntry } from '../../src/control/api/sandbox.ts'
import { ErrorCode, TapwireError } from '../../src/control/errors.ts'
import type { CommandPlan, SandboxPlan } from '../../src/control/model/machine.ts'
import { decodeExit, encodeFrame, FrameDecoder, FrameType } from '../../src/control/shim-frames.ts'
import { type ReadLog, ShimHost } from '../../src/daemon/sandbox-host.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsRoot } from '../support/requirements.ts'
import { isGone } from '../support/shim.ts'
import { until } from '../system/support/until.ts'

const SHIM = join(repositoryRoot, 'build/tapwire-shim')

/** Whether the process has a handler for the signal (proc(5), /proc/PID/status: SigCgt). */
function catches(pid: number, signal: number): boolean {
  const [, mask = '0'] = /^SigCgt:\s*([\da-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n
}

const newId = (): string => randomBytes(32).toString('hex')

const planOf = (id: string, changes: Partial<SandboxPlan> = {}): SandboxPlan => ({
  id,
  hostname: 'web',
  network: 'own',
  files: {},
  ...changes,
})

const command = (...words: readonly string[]): CommandPlan => ({
  command: words,
  environment: [],
  workingDirectory: '',
  tty: false,
  openStdin: false,
})

/** The stdout and the exit code that a stream tells of until its end. */
async function read(stream: Duplex): Promise<{ stdout: string; exitCode: number | undefined }> {
  const decoder = new FrameDecoder()
  let stdout = ''
  let exitCode: number | undefined
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    decoder.push(chunk)
    for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
      if (frame.type === FrameType.stdout) stdout += Buffer.from(frame.payload).toString()
      if (frame.type === FrameType.exit) exitCode = decodeExit(frame)
    }
  }
  return { stdout, exitCode }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof TapwireError, String(error))
  return `${error.code} ${error.exitCode}`
}

describe('sandboxes on this machine', { skip: needsRoot() || needs('ip') }, () => {
  let directory: string
  let hosts: ShimHost[]

  const logReads: { paths: readonly [string, string?]; ended: () => boolean }[] = []
  const readLog: ReadLog = (paths, _options, ended) => {
    logReads.push({ paths, ended })
    return (async function* (): AsyncIterable<LogEntry> {})()
  }
  /** Another one stands for another daemon. */
  function newHost(): ShimHost {
    const host = new ShimHost({ directory, readLog, shim: SHIM })
    hosts.push(host)
    return host
  }

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'twhost-'))
    hosts = []
  })
  afterEach(async () => {
    const host = newHost()
    await Promise.all(host.present().map((id) => host.remove(id, { log: true })))
    rmSync(directory, { recursive: true })
  })

  const folder = (id: string): string => join(directory, id.slice(0, 12))
  const link = (id: string): string => `/run/netns/tw-${id.slice(0, 12)}`

  it('are made, found, and removed without a trace', async () => {
    const host = newHost()
    const id = newId()
    const sandbox = await host.create(planOf(id))
    assert.equal(sandbox.networkNamespace, link(id))
    assert.equal(readlinkSync(link(id)), `/proc/${sandbox.pid}/ns/net`)
    assert.deepEqual(host.present(), [id])
    assert.equal(host.logPath(id), join(folder(id), 'log.json'))
    await host.remove(id, { log: false })
    assert.equal((await sandbox.exited).exitCode, 137)
    await until('the shim is gone', () => isGone(sandbox.pid))
    assert.deepEqual(readdirSync(directory), [])
    assert.equal(existsSync(link(id)), false)
    await host.remove(id, { log: true })
  })

  it('are given up where their shim does not answer', async () => {
    const earlier = newHost()
    const id = newId()
    const { pid } = await earlier.create(planOf(id))
    earlier.release()
    process.kill(pid, 'SIGSTOP')
    const host = newHost()
    assert.equal(await host.adopt(id), undefined)
    await host.remove(id, { log: true })
    await until('the shim is gone', () => isGone(pid))
    assert.equal(existsSync(folder(id)), false)
  })

  it('run a command, and tell how it ended', async () => {
    const host = newHost()
    const id = newId()
    const sandbox = await host.create(planOf(id))
    const attached = await sandbox.attach()
    const pid = await sandbox.start(command('sh', '-c', 'hostname; exit 3'))
    assert.equal(sandbox.pid, pid)
    assert.deepEqual(await read(attached), { stdout: 'web\n', exitCode: 3 })
    const exit = await sandbox.exited
    assert.equal(exit.exitCode, 3)
    assert.deepEqual(host.lastExit(id), exit)
    assert.deepEqual(host.present(), [id])
    await host.remove(id, { log: false })
    assert.deepEqual(host.present(), [id])
    assert.deepEqual(readdirSync(folder(id)).toSorted(), ['log.json', 'sandbox.json'])
    assert.equal(host.lastExit(id), undefined)
    await host.create(planOf(id))
    assert.match(readFileSync(host.logPath(id), 'utf8'), /^\{"log":"web\\n"/)
    await host.remove(id, { log: true })
    assert.deepEqual(host.present(), [])
  })

  it('say why a command cannot be started', async () => {
    const sandbox = await newHost().create(planOf(newId()))
    assert.equal(await codeOf(sandbox.start(command('/no'))), `${ErrorCode.commandNotFound} 127`)
    assert.equal(await codeOf(sandbox.exec(command('/etc/passwd'))), `${ErrorCode.commandNotExecutable} 126`)
    assert.equal(await codeOf(sandbox.start(command())), `${ErrorCode.sandboxStart} 125`)
    assert.deepEqual(await read(await sandbox.exec(command('true'))), { stdout: '', exitCode: 0 })
  })

  it('carry input, also what is sent right behind the request', async () => {
    const sandbox = await newHost().create(planOf(newId()))
    const stream = await sandbox.exec({ ...command('cat'), openStdin: true })
    stream.write(encodeFrame(FrameType.stdin, Buffer.from('there and back')))
    stream.write(encodeFrame(FrameType.stdin))
    assert.deepEqual(await read(stream), { stdout: 'there and back', exitCode: 0 })
  })

  it('pass no answer on to who attaches, and every byte of output', async () => {
    const sandbox = await newHost().create(planOf(newId()))
    const streams = await Promise.all(Array.from({ length: 20 }, () => sandbox.attach()))
    await sandbox.start(command('sh', '-c', 'seq 1 20000'))
    const expected = Array.from({ length: 20_000 }, (_, index) => `${index + 1}\n`).join('')
    for (const outcome of await Promise.all(streams.map(read))) {
      assert.deepEqual(outcome, { stdout: expected, exitCode: 0 })
    }
  })

  it('are configured in one go, all or an error', async () => {
    const id = newId()
    const sandbox = await newHost().create(planOf(id))
    await sandbox.configure([
      'tuntap add dev eth0 mode tap user 0',
      'tuntap add dev theirs mode tap',
      'address add 192.0.2.2/24 dev eth0',
      'link set eth0 up',
      'route add default via 192.0.2.1',
    ])
    await sandbox.setSysctls({ 'net.ipv4.conf.eth0.forwarding': '1', 'net.ipv6.conf.eth0.disable_ipv6': '1' })
    const { stdout } = await read(
      await sandbox.exec(
        command('sh', '-c', 'ip route show default; cat /proc/sys/net/ipv4/conf/eth0/forwarding'),
      ),
    )
    assert.match(stdout, /^default via 192\.0\.2\.1 dev eth0 .*\n1\n$/)
    await assert.rejects(sandbox.configure(['link set nothing up']), /Cannot find device/)
    assert.equal(
      await codeOf(sandbox.setSysctls({ 'net.ipv4.nothing': '1' })),
      `${ErrorCode.sandboxStart} 125`,
    )
    assert.deepEqual(await sandbox.idleTaps(), ['eth0'])
  })

  it('have idle TAPs only in a network of their own', async () => {
    const host = newHost()
    const id = newId()
    const first = await host.create(planOf(id))
    await first.configure(['tuntap add dev eth0 mode tap user 0', 'tuntap add dev point0 mode tun'])
    const second = await host.create(planOf(newId(), { network: { sandbox: id } }))
    assert.deepEqual(await second.idleTaps(), [])
    assert.equal(
      statSync(second.networkNamespace, { bigint: true }).ino,
      statSync(first.networkNamespace, { bigint: true }).ino,
    )
    const { stdout } = await read(await second.exec(command('ls', '/sys/class/net')))
    assert.equal(stdout, 'eth0\nlo\npoint0\n')
    const daemons = await host.create(planOf(newId(), { network: 'host' }))
    assert.equal(daemons.networkNamespace, '/proc/self/ns/net')
    assert.deepEqual(await daemons.idleTaps(), [])
  })

  it('see files of their own in /etc, which change in place and are left alone once the user has changed them', async () => {
    const id = newId()
    const sandbox = await newHost().create(planOf(id, { files: { hosts: 'one\n', hostname: 'web\n' } }))
    const shown = async (): Promise<string> =>
      (await read(await sandbox.exec(command('cat', '/etc/hosts')))).stdout
    assert.equal(await shown(), 'one\n')
    sandbox.writeFiles({ hosts: 'two, and longer\n' })
    assert.equal(await shown(), 'two, and longer\n')
    sandbox.writeFiles({ hosts: 'x\n' })
    assert.equal(await shown(), 'x\n')
    const adopted = await newHost().adopt(id)
    adopted?.writeFiles({ hosts: 'of the next daemon\n' })
    assert.equal(await shown(), 'of the next daemon\n')
    await read(await sandbox.exec(command('sh', '-c', 'echo mine >> /etc/hosts')))
    sandbox.writeFiles({ hosts: 'three\n', hostname: 'else\n' })
    assert.equal(await shown(), 'of the next daemon\nmine\n')
    assert.equal(readFileSync(join(folder(id), 'hostname'), 'utf8'), 'else\n')
  })

  it('leave nothing where they cannot be made', async () => {
    const host = newHost()
    const failing = [
      () => host.create(planOf(newId(), { hostname: 'x'.repeat(65) })),
      () => host.create(planOf(newId(), { network: { sandbox: newId() } })),
      () => new ShimHost({ directory, readLog, shim: '/nowhere' }).create(planOf(newId())),
      () => new ShimHost({ directory, readLog, shim: '/bin/false' }).create(planOf(newId())),
    ]
    for (const attempt of failing) assert.equal(await codeOf(attempt()), `${ErrorCode.sandboxStart} 1`)
    assert.deepEqual(readdirSync(directory), [])
  })

  it('are not made twice', async () => {
    const host = newHost()
    const id = newId()
    const sandbox = await host.create(planOf(id))
    assert.equal(await codeOf(host.create(planOf(id))), `${ErrorCode.sandboxStart} 1`)
    assert.equal((await read(await sandbox.exec(command('echo', 'here')))).stdout, 'here\n')
  })

  it('get signals, and idle ones end by them', async () => {
    const host = newHost()
    const idle = await host.create(planOf(newId()))
    idle.signal('SIGTERM')
    assert.equal((await idle.exited).exitCode, 143)
    const busy = await host.create(planOf(newId()))
    await busy.start(command('sleep', '1000'))
    busy.signal('SIGKILL')
    assert.equal((await busy.exited).exitCode, 137)
    assert.equal(await codeOf(busy.exec(command('true'))), `${ErrorCode.sandboxEnded} 1`)
    assert.equal(await codeOf(busy.attach()), `${ErrorCode.sandboxEnded} 1`)
    assert.equal(await codeOf(busy.start(command('true'))), `${ErrorCode.sandboxEnded} 1`)
  })

  it('end as killed when their shim is killed, with all that they had started', async () => {
    const host = newHost()
    const id = newId()
    const sandbox = await host.create(planOf(id))
    const attached = await sandbox.attach()
    await sandbox.start(command('sh', '-c', '(setsid sleep 1000 & echo $!); sleep 1000'))
    const [first] = (await new Promise<Buffer>((resolve) => attached.once('data', resolve)))
      .subarray(8)
      .toString()
      .split('\n')
    const left = Number(first)
    attached.resume()
    assert.equal(isGone(left), false)
    process.kill(Number(readFileSync(join(folder(id), 'holder'), 'utf8').split(' ')[0]), 'SIGKILL')
    assert.equal((await sandbox.exited).exitCode, 137)
    assert.equal(isGone(left), true)
    await until('the shim is gone', () => isGone(sandbox.pid))
    assert.equal(host.lastExit(id), undefined)
    assert.equal(await host.adopt(id), undefined)
    assert.equal(existsSync(link(id)), false)
    // It starts again in the same folder.
    const again = await host.create(planOf(id))
    assert.deepEqual(await read(await again.exec(command('true'))), { stdout: '', exitCode: 0 })
  })

  it('outlive a daemon that is killed, and are taken up by the next one', async () => {
    const id = newId()
    const program = join(repositoryRoot, 'dist/test/support/adopting-daemon.js')
    const daemon = spawn(process.execPath, [program, directory, SHIM, id], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = Number(await new Promise<Buffer>((resolve) => daemon.stdout.once('data', resolve)))
    daemon.kill('SIGKILL')
    await new Promise((resolve) => daemon.once('exit', resolve))
    const host = newHost()
    assert.deepEqual(host.present(), [id])
    const sandbox = await host.adopt(id)
    assert.ok(sandbox !== undefined)
    assert.equal(sandbox.pid, pid)
    assert.equal(await host.adopt(id), sandbox)
    assert.deepEqual((await read(await sandbox.exec(command('cat', '/etc/hosts')))).stdout, 'first\n')
    await until('the command has its trap', () => catches(sandbox.pid, constants.signals.SIGTERM))
    sandbox.signal('SIGTERM')
    assert.equal((await sandbox.exited).exitCode, 6)
  })

  it('do not keep a daemon up that has let them go', async () => {
    const id = newId()
    const program = join(repositoryRoot, 'dist/test/support/adopting-daemon.js')
    const daemon = spawn(process.execPath, [program, directory, SHIM, id, 'release'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    assert.deepEqual(await once(daemon, 'exit'), [0, null])
    const sandbox = await newHost().adopt(id)
    assert.deepEqual((await read(await sandbox!.exec(command('cat', '/etc/hosts')))).stdout, 'first\n')
  })

  it('are no more heard of by a daemon that has let them go', async () => {
    const id = newId()
    const host = newHost()
    const sandbox = await host.create(planOf(id))
    let heard = false
    void sandbox.exited.then(() => (heard = true))
    host.release()
    const next = await newHost().adopt(id)
    assert.ok(next !== undefined)
    next.signal('SIGTERM')
    assert.equal((await next.exited).exitCode, 143)
    assert.equal(heard, false)
  })

  it('are removed by a daemon that does not know them', async () => {
    const id = newId()
    const sandbox = await newHost().create(planOf(id))
    await sandbox.start(command('sleep', '1000'))
    await newHost().remove(id, { log: true })
    await until('the shim is gone', () => isGone(sandbox.pid))
    assert.equal((await sandbox.exited).exitCode, 137)
    assert.deepEqual(readdirSync(directory), [])
  })

  it('tell the next daemon how they ended without it', async () => {
    const id = newId()
    const sandbox = await newHost().create(planOf(id))
    await sandbox.start(command('sh', '-c', 'exit 11'))
    await sandbox.exited
    const next = newHost()
    assert.equal(await next.adopt(id), undefined)
    assert.equal(next.lastExit(id)?.exitCode, 11)
  })

  it('are never taken for a process that has got the number of their shim', async () => {
    const id = newId()
    const sandbox = await newHost().create(planOf(id))
    const holder = join(folder(id), 'holder')
    const [pid] = readFileSync(holder, 'utf8').split(' ')
    const bystander = spawn('sleep', ['1000'], { stdio: 'ignore' })
    try {
      process.kill(Number(pid), 'SIGKILL')
      await sandbox.exited
      writeFileSync(holder, `${bystander.pid} 1\n`)
      const next = newHost()
      assert.equal(await next.adopt(id), undefined)
      await next.remove(id, { log: true })
      assert.equal(isGone(bystander.pid!), false)
    } finally {
      bystander.kill('SIGKILL')
    }
  })

  it('read their logs from both halves, and follow them while they run', async () => {
    const host = newHost()
    const id = newId()
    const sandbox = await host.create(planOf(id))
    logReads.length = 0
    const options = { follow: true, stdout: true, stderr: true }
    for await (const _ of host.logs(id, options, new AbortController().signal)) assert.fail()
    const [asked] = logReads
    assert.deepEqual(asked?.paths, [join(folder(id), 'log.json'), join(folder(id), 'log.json.1')])
    assert.equal(asked?.ended(), false)
    sandbox.signal('SIGTERM')
    await sandbox.exited
    await until('the host has seen the end', () => asked?.ended() ?? false)
  })

  it('are reached in folders whose path is longer than that of a socket may be', async () => {
    const deep = join(directory, 'x'.repeat(120))
    const host = new ShimHost({ directory: deep, readLog, shim: SHIM })
    const id = newId()
    const sandbox = await host.create(planOf(id))
    assert.deepEqual(await read(await sandbox.exec(command('true'))), { stdout: '', exitCode: 0 })
    await host.remove(id, { log: true })
    rmSync(deep, { recursive: true })
  })

  it('are many at once, and gone at once', async () => {
    const host = newHost()
    const ids = Array.from({ length: 100 }, newId)
    const sandboxes = await Promise.all(ids.map((id) => host.create(planOf(id))))
    await Promise.all(sandboxes.map((sandbox) => sandbox.start(command('sleep', '1000'))))
    assert.deepEqual(host.present().toSorted(), ids.toSorted())
    await Promise.all(ids.map((id) => host.remove(id, { log: true })))
    assert.deepEqual(host.present(), [])
    assert.deepEqual(
      sandboxes.filter(({ pid }) => !isGone(pid)),
      [],
    )
    const names = execFileSync('ls', ['/run/netns'], { encoding: 'utf8' }).split('\n')
    assert.deepEqual(
      names.filter((name) => ids.some((id) => name.includes(id.slice(0, 12)))),
      [],
    )
  })
})
