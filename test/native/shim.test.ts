import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readlinkSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { decodeFailed, decodeNumber, encodeResize, FrameType } from '../../src/control/shim-frames.ts'
import { needsRoot } from '../support/requirements.ts'
import { isGone, shimEnvironment, shimProgram, TestShim } from '../support/shim.ts'
import { until } from '../system/support/until.ts'

const { start, exec } = FrameType

describe('the shim', { skip: needsRoot() }, () => {
  let shim: TestShim
  beforeEach(async () => {
    shim = await TestShim.start()
  })
  afterEach(() => shim.remove())

  const run = async (command: readonly string[], options = {}) =>
    (await shim.connect()).run(exec, command, options)
  const shell = async (script: string, options = {}): Promise<string> =>
    (await run(['sh', '-c', script], options)).stdout
  const namespace = (pid: number | 'self', kind: string): string => readlinkSync(`/proc/${pid}/ns/${kind}`)

  it('holds namespaces of its own, and leaves the others to the machine', () => {
    assert.match(shim.answer, /^ready \d+\n$/m)
    for (const kind of ['net', 'mnt', 'uts'])
      assert.notEqual(namespace(shim.pid, kind), namespace('self', kind))
    for (const kind of ['pid', 'ipc', 'user', 'cgroup'])
      assert.equal(namespace(shim.pid, kind), namespace('self', kind))
  })

  it('binds its file again when the machine replaces the one below it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'twetc-'))
    const [own, target] = [join(folder, 'own'), join(folder, 'hosts')] as const
    writeFileSync(own, 'own')
    writeFileSync(target, 'machine')
    const other = await TestShim.start('--bind', `${own}:${target}`)
    try {
      const shown = async (): Promise<string> =>
        (await (await other.connect()).run(exec, ['cat', target])).stdout
      assert.equal(await shown(), 'own')
      writeFileSync(`${target}.new`, 'edited')
      renameSync(`${target}.new`, target)
      await until('it is bound again', async () => (await shown()) === 'own')
      assert.equal(readFileSync(target, 'utf8'), 'edited')
    } finally {
      await other.remove()
      rmSync(folder, { recursive: true })
    }
  })

  it('tells one client too many that it is one', async () => {
    const clients = await Promise.all(Array.from({ length: 128 }, () => shim.connect()))
    const socket = connect(join(shim.directory, 'shim.sock'))
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    assert.equal(chunk[0], FrameType.failed)
    socket.destroy()
    for (const client of clients) client.close()
  })

  it('says who it is, and lets nobody else in', () => {
    const [pid, startTime] = shim.file('holder').trim().split(' ')
    assert.equal(Number(pid), shim.pid)
    assert.match(startTime ?? '', /^\d+$/)
    assert.equal(statSync(join(shim.directory, 'shim.sock')).mode & 0o777, 0o600)
  })

  it('shows a sandbox its own interfaces, hostname and names of namespaces', async () => {
    assert.equal(
      await shell('ls /sys/class/net; hostname; ls -A /run/netns; cat /sys/class/net/lo/flags'),
      'lo\nweb\n0x9\n',
    )
  })

  it('keeps what is mounted below /sys', async () => {
    const mounts = (text: string): string[] =>
      text
        .split('\n')
        .map((line) => line.split(' ')[1] ?? '')
        .filter((path) => path.startsWith('/sys/'))
        .toSorted()
    const outside = spawnSync('cat', ['/proc/self/mounts'], { encoding: 'utf8' }).stdout
    assert.deepEqual(mounts(await shell('cat /proc/self/mounts')), mounts(outside))
  })

  it('gives processes an environment, and takes that of the plan before its own', async () => {
    const defaults = await shell('env')
    assert.match(defaults, /^PATH=\/usr\/local\/sbin:\/usr\/local\/bin:\/usr\/sbin:\/usr\/bin:\/sbin:\/bin$/m)
    assert.match(defaults, /^HOME=\/root$/m)
    assert.match(defaults, /^HOSTNAME=web$/m)
    const marker = new RegExp(`^TAPWIRE_SANDBOX=(.*/)?${shim.directory.split('/').at(-1)}$`, 'm')
    assert.match(defaults, marker)
    const environment = ['PATH=/bin', 'HOME=/x', 'HOSTNAME=y', 'TAPWIRE_SANDBOX=z', 'A=b=c']
    const given = (await run(['/usr/bin/env'], { environment })).stdout
    assert.match(given, marker)
    assert.deepEqual(
      given.split('\n').filter((line) => !line.startsWith('TAPWIRE')),
      ['PATH=/bin', 'HOME=/x', 'HOSTNAME=y', 'A=b=c', ''],
    )
  })

  it('runs processes in a session of their own with signals as they are by default', async () => {
    const status = await shell(
      'cat /proc/self/status; cut -d" " -f6 /proc/self/stat; echo $PPID; umask; pwd',
      {
        directory: '/usr',
      },
    )
    for (const set of ['SigBlk', 'SigIgn', 'SigCgt']) assert.match(status, new RegExp(`^${set}:\\s0+$`, 'm'))
    assert.match(status, new RegExp(`\n\\d+\n${shim.pid}\n0022\n/usr\n$`))
  })

  it('leaves processes no descriptor but their three', async () => {
    const names = await shell('ls /proc/self/fd | wc -l; readlink /proc/self/fd/0')
    // The fourth is that of the folder which ls reads.
    assert.equal(names, '4\n/dev/null\n')
  })

  it('finds programs in the PATH of the plan', async () => {
    const client = await shim.connect()
    client.sendPlan(exec, ['sh', '-c', ':'], { environment: ['PATH=/nowhere:'] })
    assert.deepEqual(decodeFailed(await client.expect(FrameType.failed)), {
      exitCode: 127,
      message: 'exec: "sh": executable file not found in $PATH',
    })
    client.close()
    assert.equal((await run(['sh', '-c', ':'], { environment: ['PATH=/nowhere:/bin'] })).exitCode, 0)
  })

  it('says why it could not start a program', async () => {
    const client = await shim.connect()
    const failure = async (command: string[], options = {}) => {
      client.sendPlan(exec, command, options)
      const { exitCode, message } = decodeFailed(await client.expect(FrameType.failed))
      return `${exitCode} ${message}`
    }
    assert.equal(await failure(['/no']), '127 exec: "/no": stat /no: no such file or directory')
    assert.equal(await failure(['/etc/passwd']), '126 exec: "/etc/passwd": permission denied')
    assert.equal(
      await failure(['/etc/passwd/x']),
      '126 exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory',
    )
    assert.equal(await failure(['/usr']), '126 exec: "/usr": is a directory')
    assert.equal(await failure(['']), '127 exec: "": executable file not found in $PATH')
    assert.equal(
      await failure(['sh'], { directory: '/no' }),
      '127 chdir to cwd ("/no") failed: no such file or directory',
    )
    assert.equal(await failure(['x'.repeat(5000)]).then((text) => text.length), 1027)
    const noProgram = join(shim.directory, 'text')
    writeFileSync(noProgram, 'text', { mode: 0o755 })
    assert.equal(await failure([noProgram]), `126 exec: "${noProgram}": exec format error`)
    // The connection is as good as before.
    assert.equal((await client.run(exec, ['true'])).exitCode, 0)
  })

  it('tells every exit code, and of signals 128 and the number', async () => {
    for (const code of [0, 1, 2, 125, 126, 127, 128, 200, 255])
      assert.equal((await run(['sh', '-c', `exit ${code}`])).exitCode, code)
    for (const signal of [1, 2, 3, 6, 9, 13, 15, 64])
      assert.equal((await run(['sh', '-c', `kill -${signal} $$`])).exitCode, 128 + signal)
  })

  it('sends signals to the process of the connection', async () => {
    const client = await shim.connect()
    client.sendPlan(exec, ['sleep', '1000'])
    await client.expect(FrameType.started)
    client.send(FrameType.signal, Uint8Array.of(15))
    assert.equal((await client.outcome()).exitCode, 143)
  })

  it('carries standard input to its end, however much it is', async () => {
    const client = await shim.connect()
    client.sendPlan(exec, ['md5sum'], { flags: { openStdin: true } })
    await client.expect(FrameType.started)
    for (let index = 0; index < 64; index++) client.send(FrameType.stdin, Buffer.alloc(65_536, index))
    client.send(FrameType.stdin)
    const expected = spawnSync('md5sum', {
      input: Buffer.concat(Array.from({ length: 64 }, (_, index) => Buffer.alloc(65_536, index))),
      encoding: 'utf8',
    }).stdout
    assert.equal((await client.outcome()).stdout, expected)
  })

  it('has standard input open and empty, or at its end, as asked', async () => {
    assert.equal(await shell('read x; echo $?'), '1\n')
    const client = await shim.connect()
    client.sendPlan(exec, ['sh', '-c', 'read x; echo "got $x"'], { flags: { openStdin: true } })
    await client.expect(FrameType.started)
    client.send(FrameType.stdin, 'a line\nand more')
    assert.deepEqual(await client.outcome(), { stdout: 'got a line\n', stderr: '', exitCode: 0 })
  })

  it('goes on telling a client that has said its last', async () => {
    const client = await shim.connect()
    client.sendPlan(exec, ['cat'], { flags: { openStdin: true } })
    await client.expect(FrameType.started)
    client.send(FrameType.stdin, 'to the end')
    client.send(FrameType.stdin)
    client.socket.end()
    assert.deepEqual(await client.outcome(), { stdout: 'to the end', stderr: '', exitCode: 0 })
  })

  it('makes a terminal of the size that was asked for, and changes it', async () => {
    const client = await shim.connect()
    client.socket.write(encodeResize(33, 77))
    const script = 'trap "stty size; exit 0" WINCH; tty; echo $TERM; stty size; while :; do sleep 0.05; done'
    client.sendPlan(exec, ['sh', '-c', script], { flags: { tty: true } })
    await client.expect(FrameType.started)
    let seen = ''
    while (!seen.includes('33 77\r\n'))
      seen += Buffer.from((await client.expect(FrameType.stdout)).payload).toString()
    assert.match(seen, /^\/dev\/pts\/\d+\r\nxterm\r\n33 77\r\n$/)
    client.socket.write(encodeResize(40, 100))
    assert.deepEqual(await client.outcome(), { stdout: '40 100\r\n', stderr: '', exitCode: 0 })
  })

  it('ends the input of a terminal as a user would', async () => {
    const client = await shim.connect()
    client.sendPlan(exec, ['sh', '-c', 'stty -echo; echo ready; cat'], {
      flags: { tty: true, openStdin: true },
    })
    await client.expect(FrameType.started)
    assert.equal(Buffer.from((await client.expect(FrameType.stdout)).payload).toString(), 'ready\r\n')
    client.send(FrameType.stdin, 'typed\n')
    client.send(FrameType.stdin)
    assert.deepEqual(await client.outcome(), { stdout: 'typed\r\n', stderr: '', exitCode: 0 })
  })

  it('hangs up on a process whose client is gone', async () => {
    const client = await shim.connect()
    client.sendPlan(exec, ['sh', '-c', 'trap "exit 0" HUP; echo here; while :; do sleep 0.05; done'])
    const pid = decodeNumber(await client.expect(FrameType.started))
    await client.expect(FrameType.stdout)
    client.close()
    await until('the process has ended', () => isGone(pid))
  })

  it('lets a detached process run on when its client is gone', async () => {
    const client = await shim.connect()
    client.sendPlan(exec, ['sh', '-c', 'readlink /proc/self/fd/1 > /dev/shm/$TAPWIRE_SANDBOX; sleep 1000'], {
      flags: { detached: true },
    })
    const pid = decodeNumber(await client.expect(FrameType.started))
    client.close()
    assert.equal((await run(['true'])).exitCode, 0)
    assert.equal(isGone(pid), false)
    await shell('rm -f /dev/shm/$TAPWIRE_SANDBOX')
  })

  it('sets sysctls of its network and no others', async () => {
    const client = await shim.connect()
    client.send(FrameType.sysctl, 'net/ipv4/ip_forward\x001')
    await client.expect(FrameType.done)
    assert.equal(await shell('cat /proc/sys/net/ipv4/ip_forward'), '1\n')
    const refused = async (text: string): Promise<string> => {
      client.send(FrameType.sysctl, text)
      return decodeFailed(await client.expect(FrameType.failed)).message
    }
    assert.match(await refused('kernel/hostname\0x'), /no sysctl of a network/)
    assert.match(await refused('net/../kernel/hostname\0x'), /no sysctl of a network/)
    assert.match(await refused('net/ipv4/ip_forward'), /no sysctl of a network/)
    assert.match(await refused(''), /no sysctl of a network/)
    assert.match(await refused('net/ipv4/nothing\x001'), /No such file or directory/)
    assert.match(await refused('net/ipv4/ip_forward\0no number'), /Invalid argument/)
    client.close()
  })

  it('starts the command once, and ends with it', async () => {
    const watching = await shim.connect()
    watching.send(FrameType.attach)
    await watching.expect(FrameType.done)
    const client = await shim.connect()
    const told = join(shim.directory, 'told')
    const script = `echo out; echo err >&2; until [ -e ${told} ]; do sleep 0.01; done; exit 7`
    client.sendPlan(start, ['sh', '-c', script])
    const pid = decodeNumber(await client.expect(FrameType.started))
    client.sendPlan(start, ['true'])
    assert.match(decodeFailed(await client.expect(FrameType.failed)).message, /started before/)
    assert.notEqual(pid, shim.pid)
    writeFileSync(told, '')
    assert.deepEqual(await client.outcome(), { stdout: '', stderr: '', exitCode: 7 })
    assert.deepEqual(await watching.outcome(), { stdout: 'out\n', stderr: 'err\n', exitCode: 7 })
    await shim.ended()
    assert.match(shim.file('exit'), /^7 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z\n$/)
    assert.equal(shim.has('shim.sock') || shim.has('holder'), false)
  })

  it('may try another command where the first is not there', async () => {
    const client = await shim.connect()
    client.sendPlan(start, ['/no'])
    assert.equal(decodeFailed(await client.expect(FrameType.failed)).exitCode, 127)
    assert.equal((await client.run(start, ['sh', '-c', 'exit 4'])).exitCode, 4)
    await shim.ended()
  })

  it('keeps input and size of who attached before the start for the command', async () => {
    const client = await shim.connect()
    client.send(FrameType.attach)
    await client.expect(FrameType.done)
    client.socket.write(encodeResize(12, 34))
    client.send(FrameType.stdin, 'early\n')
    const flags = { tty: true, openStdin: true }
    const outcome = await client.run(start, ['sh', '-c', 'stty -echo; read x; stty size; echo "$x"'], {
      flags,
    })
    assert.match(outcome.stdout, /12 34\r\nearly\r\n$/)
  })

  it('ends the output of a process with the process, whatever that leaves running', async () => {
    for (const flags of [{}, { tty: true }]) {
      const { stdout, exitCode } = await run(['sh', '-c', 'echo first; (trap "" HUP; exec yes) & exit 3'], {
        flags,
      })
      assert.ok(stdout.startsWith('first'))
      assert.ok(stdout.length < 500_000)
      assert.equal(exitCode, 3)
    }
  })

  it('kills what the command leaves behind, also daemons, also what was started by exec', async () => {
    const other = await shim.connect()
    other.sendPlan(exec, ['sleep', '1000'])
    const pids = [decodeNumber(await other.expect(FrameType.started))]
    const client = await shim.connect()
    client.send(FrameType.attach)
    await client.expect(FrameType.done)
    const [trapped, told] = ['trapped', 'told'].map((name) => join(shim.directory, name))
    const stubborn = `trap : TERM HUP; : >${trapped}; while :; do sleep 1; done`
    const daemon = [
      'setsid sleep 1000 & echo $!',
      `setsid sh -c '${stubborn}' & echo $!`,
      'exec >&-',
      `until [ -e ${trapped} ]; do sleep 0.01; done`,
      `: >${told}; wait`,
    ].join('\n')
    const script = `(setsid sh -c "$0" &); until [ -e ${told} ]; do sleep 0.01; done; exit 9`
    const { stdout, exitCode } = await client.run(start, ['sh', '-c', script, daemon])
    pids.push(...stdout.trim().split('\n').map(Number))
    assert.equal(exitCode, 9)
    assert.equal(pids.length, 3)
    assert.equal((await other.outcome()).exitCode, 137)
    assert.deepEqual(
      pids.filter((pid) => !isGone(pid)),
      [],
    )
    await shim.ended()
  })

  it('tells an idle sandbox of a signal by ending', async () => {
    const client = await shim.connect()
    client.send(FrameType.signal, Uint8Array.of(28))
    client.send(FrameType.signal, Uint8Array.of(0))
    await client.expect(FrameType.failed)
    client.send(FrameType.signal, Uint8Array.of(15))
    assert.equal((await client.outcome()).exitCode, 143)
    await shim.ended()
    assert.match(shim.file('exit'), /^143 /)
  })

  it('passes signals that it gets itself on to the command', async () => {
    const client = await shim.connect()
    client.send(FrameType.attach)
    await client.expect(FrameType.done)
    client.sendPlan(start, ['sh', '-c', 'trap "exit 5" TERM; echo here; while :; do sleep 0.05; done'])
    await client.expect(FrameType.started)
    await client.expect(FrameType.stdout)
    process.kill(shim.pid, 'SIGTERM')
    assert.equal((await client.outcome()).exitCode, 5)
  })

  it('ends when it is told to, whatever runs', async () => {
    const client = await shim.connect()
    client.sendPlan(start, ['sh', '-c', 'trap "" TERM HUP INT; while :; do sleep 1; done'])
    const pid = decodeNumber(await client.expect(FrameType.started))
    client.send(FrameType.lastwords)
    assert.equal((await client.outcome()).exitCode, 137)
    assert.equal(isGone(pid), true)
    await shim.ended()
  })

  it('takes the command with it when it is killed', async () => {
    const client = await shim.connect()
    client.sendPlan(start, ['sleep', '1000'])
    const pid = decodeNumber(await client.expect(FrameType.started))
    shim.kill()
    await until('the command has ended', () => isGone(pid))
    assert.equal((await client.outcome()).exitCode, undefined)
  })

  it('holds up a command whose output nobody reads, and loses none of it', async () => {
    const slow = await shim.connect()
    slow.send(FrameType.attach)
    await slow.expect(FrameType.done)
    const client = await shim.connect()
    client.sendPlan(start, ['sh', '-c', 'head -c 8000000 /dev/zero | tr "\\0" a; echo end'])
    await client.expect(FrameType.started)
    // Its memory stays what it is, although 8 MB wait: they wait in the command.
    const resident = (): number =>
      Number(
        /VmRSS:\s+(\d+)/.exec(
          spawnSync('cat', [`/proc/${shim.pid}/status`], { encoding: 'utf8' }).stdout,
        )?.[1],
      )
    const before = resident()
    assert.equal((await run(['sleep', '0.3'])).exitCode, 0)
    assert.equal(shim.has('exit'), false)
    assert.ok(resident() - before < 4096, `grew from ${before} to ${resident()} KiB`)
    const { stdout } = await slow.outcome()
    assert.equal(stdout.length, 8_000_004)
    assert.ok(stdout.endsWith('aend\n'))
    assert.equal((await client.outcome()).exitCode, 0)
  })

  it('serves many at once', async () => {
    const outcomes = await Promise.all(
      Array.from(
        { length: 120 },
        async (_, index) => (await run(['sh', '-c', `echo ${index}; exit ${index}`])).exitCode,
      ),
    )
    assert.deepEqual(
      outcomes,
      Array.from({ length: 120 }, (_, index) => index),
    )
  })

  it('is alone in its folder', () => {
    const second = spawnSync(shimProgram, ['hold', '--directory', shim.directory, '--hostname', 'x'], {
      encoding: 'utf8',
      env: shimEnvironment(),
    })
    assert.match(second.stdout, /^failed open-directory 11 /)
    assert.equal(second.status, 125)
    assert.equal(shim.has('shim.sock'), true)
  })
})

describe('starting a shim', { skip: needsRoot() }, () => {
  it('says what is wrong with how it is asked', () => {
    for (const args of [
      [],
      ['hold'],
      ['hold', '--directory'],
      ['hold', '--directory', '/tmp', '--what', 'x'],
    ]) {
      const { status, stdout } = spawnSync(shimProgram, args, { encoding: 'utf8', env: shimEnvironment() })
      assert.match(stdout, /^failed arguments 22 /)
      assert.equal(status, 125)
    }
  })

  it('fails with the step, and leaves nothing', () => {
    const folder = mkdtempSync('/tmp/twshim-')
    const fails = (...args: string[]): string => {
      const all = ['hold', '--directory', folder, '--hostname', 'x', ...args]
      const { status, stdout } = spawnSync(shimProgram, all, { encoding: 'utf8', env: shimEnvironment() })
      assert.equal(status, 125)
      return stdout
    }
    try {
      assert.match(fails('--network', '/nowhere'), /^failed join-network 2 No such file or directory\n$/)
      assert.match(fails('--network', '/proc/self/ns/uts'), /^failed join-network 22 /)
      assert.match(fails('--hostname', 'x'.repeat(65)), /^failed set-hostname 22 /)
      assert.match(fails('--directory', '/nowhere'), /^failed open-directory 2 /)
      writeFileSync(join(folder, 'shim.sock'), '')
      rmSync(join(folder, 'shim.sock'))
      assert.deepEqual(spawnSync('ls', ['-A', folder], { encoding: 'utf8' }).stdout, '')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('mounts files over those of the machine, in the sandbox only', async () => {
    const folder = mkdtempSync('/tmp/twshim-')
    writeFileSync(join(folder, 'hosts'), '192.0.2.1 elsewhere\n')
    const shim = await TestShim.start(
      '--bind',
      `${folder}/hosts:/etc/hosts`,
      '--bind',
      `${folder}/hosts:/etc/nowhere`,
    )
    try {
      assert.match(shim.answer, /^warning \/etc\/nowhere: No such file or directory\nready \d+\n$/)
      const { stdout } = await (await shim.connect()).run(exec, ['cat', '/etc/hosts'])
      assert.equal(stdout, '192.0.2.1 elsewhere\n')
      assert.doesNotMatch(spawnSync('cat', ['/etc/hosts'], { encoding: 'utf8' }).stdout, /elsewhere/)
    } finally {
      await shim.remove()
      rmSync(folder, { recursive: true })
    }
  })

  it("joins the network of another one, or stays in the machine's", async () => {
    const first = await TestShim.start()
    const second = await TestShim.start('--network', `/proc/${first.pid}/ns/net`)
    const host = await TestShim.start('--network', 'host')
    try {
      const net = (pid: number | 'self'): string => readlinkSync(`/proc/${pid}/ns/net`)
      assert.equal(net(second.pid), net(first.pid))
      assert.equal(net(host.pid), net('self'))
      const names = (await (await host.connect()).run(exec, ['ls', '/sys/class/net'])).stdout
      assert.equal(names, spawnSync('ls', ['/sys/class/net'], { encoding: 'utf8' }).stdout)
    } finally {
      for (const shim of [first, second, host]) await shim.remove()
    }
  })
})
