import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { shellLine, shellWord } from '../../support/shell-word.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { attempt, type Outcome } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

const MIB = 1024 * 1024
/** Bytes that go through a command. */
const TRANSFER = Number(process.env['TAPWIRE_TRANSFER_MB'] ?? 8) * 1_000_000
/** Of lines of 48 bytes, the last of which is cut short. */
const OUTPUT = 48 * Math.floor(TRANSFER / 24) + 16

describe('commands in sandboxes', { skip: needsTap() || needs('script') }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
  })
  after(() => daemon.stop())

  const shell = (script: string): Promise<{ code: number | null; output: string; errors: string }> =>
    attempt(
      {},
      'sh',
      '-c',
      script.replaceAll('$TAPWIRE', () => shellLine(daemon.line())),
    )

  /** The program itself, whose exit code is in question. */
  const tapwire = (...args: readonly string[]): Promise<Outcome> => attempt({}, ...daemon.line(...args))

  it('hands on the exit code of a command that was run or executed', async () => {
    await daemon.run('codes')
    const attempts = [
      { by: tapwire, codes: [0, 255] },
      { by: daemon.attempt.bind(daemon), codes: [1, 3, 125, 126, 127, 128] },
    ]
    for (const { by, codes } of attempts) {
      for (const code of codes) {
        const run = (await by('run', '--rm', 'sh', '-c', `exit ${code}`)).code
        const exec = (await by('exec', 'codes', 'sh', '-c', `exit ${code}`)).code
        assert.deepEqual({ run, exec }, { run: code, exec: code })
      }
    }
  })

  it('notes exit codes from 0 to 255', async () => {
    // Signals end at 64, and 128 is what they are added to: both ends of each range, and some between.
    const codes = [0, 1, 2, 31, 63, 64, 65, 100, 127, 128, 129, 137, 143, 191, 192, 193, 254, 255]
    const noted = new Map<number, number>()
    const queue = codes.values()
    const worker = async (): Promise<void> => {
      for (const code of queue) {
        const Cmd = ['sh', '-c', `exit ${code}`]
        const request = { Cmd, HostConfig: { NetworkMode: 'none' } }
        const { Id } = await daemon.call<{ Id: string }>('POST', `/sandboxes?name=code${code}`, request)
        const waited = daemon.call<{ StatusCode: number }>(
          'POST',
          `/sandboxes/${Id}/wait?condition=next-exit`,
        )
        await daemon.call('POST', `/sandboxes/${Id}/start`)
        noted.set(code, (await waited).StatusCode)
        assert.equal((await daemon.inspect(Id)).State.ExitCode, code)
        await daemon.call('DELETE', `/sandboxes/${Id}`)
      }
    }
    await Promise.all(Array.from({ length: 8 }, worker))
    assert.deepEqual(
      [...noted].filter(([code, exit]) => code !== exit),
      [],
    )
    assert.equal(noted.size, codes.length)
  })

  it('ends with 125, 126 and 127 where no command runs', async () => {
    const codes = async (...args: string[]): Promise<unknown[]> => {
      const { code, errors } = await daemon.attempt(...args)
      return [code, errors.split('\n')[0]]
    }
    assert.deepEqual(await codes('run', '--rm', '--network', 'nowhere', 'true'), [
      125,
      'tapwire: network nowhere not found',
    ])
    assert.deepEqual(await codes('run', '--rm', '/etc'), [126, 'tapwire: exec: "/etc": is a directory'])
    assert.deepEqual(await codes('run', '--rm', 'no-such-program'), [
      127,
      'tapwire: exec: "no-such-program": executable file not found in $PATH',
    ])
    await daemon.run('none-of-these')
    assert.equal((await daemon.attempt('exec', 'none-of-these', '/etc')).code, 126)
    assert.equal((await daemon.attempt('exec', 'none-of-these', 'no-such-program')).code, 127)
  })

  it('hands signals on to the command, and tells by which one it ended', async () => {
    const traps = `trap 'echo usr1; exit 42' USR1; echo ready; while :; do sleep 0.05; done`
    const caught = daemon.begin('run', '--rm', 'sh', '-c', traps)
    await caught.printed(/ready/)
    caught.child.kill('SIGUSR1')
    const { code, output } = await caught.end()
    assert.deepEqual({ code, output }, { code: 42, output: 'ready\nusr1\n' })

    const ended = daemon.begin('run', '--rm', 'sh', '-c', 'echo ready; exec sleep 1000')
    await ended.printed(/ready/)
    ended.child.kill('SIGTERM')
    assert.equal((await ended.end()).code, 128 + 15)
  })

  it('pipes standard input, and both outputs apart', async () => {
    const { code, output, errors } = await shell(
      `printf 'one\\ntwo\\n' | $TAPWIRE run --rm -i sh -c 'while read line; do echo "out $line"; echo "err $line" >&2; done; exit 5'`,
    )
    assert.deepEqual(
      { code, output, errors },
      { code: 5, output: 'out one\nout two\n', errors: 'err one\nerr two\n' },
    )
    await daemon.run('piped')
    assert.equal((await shell(`echo abc | $TAPWIRE exec -i piped tr a-c A-C`)).output, 'ABC\n')
  })

  it('passes each byte of a large input to the command and back', async () => {
    const folder = newFolder()
    const sum = await shell(
      `head -c ${TRANSFER} /dev/urandom > ${folder}/in; $TAPWIRE run --rm -i cat < ${folder}/in > ${folder}/out && cmp ${folder}/in ${folder}/out`,
    )
    assert.equal(sum.code, 0, sum.errors)
  })

  it('gets all of the output and the exit code although nobody reads the input to its end', async () => {
    await daemon.run('sated')
    for (const start of ['run --rm -i', 'exec -i sated']) {
      const { output, errors } = await shell(
        `{ yes; } | { $TAPWIRE ${start} sh -c 'head -c 1 >/dev/null; head -c 3000000 /dev/zero; exit 3'; echo $? >&2; } | wc -c`,
      )
      assert.deepEqual([output.trim(), errors], ['3000000', '3\n'], start)
    }
  })

  it('passes more output than a log holds, and keeps a bounded log of it', async () => {
    const { code, output } = await shell(
      `$TAPWIRE run --name large sh -c 'yes 0123456789abcdef0123456789abcdef0123456789abcde | head -c ${OUTPUT}' | sha256sum`,
    )
    const whole = await shell(
      `yes 0123456789abcdef0123456789abcdef0123456789abcde | head -c ${OUTPUT} | sha256sum`,
    )
    assert.deepEqual({ code, output }, { code: 0, output: whole.output })
    const { LogPath } = await daemon.inspect('large')
    // Two files, of which each is full at 10 MiB, and what is logged is larger than what was printed.
    const sizes = [statSync(LogPath).size, statSync(`${LogPath}.1`).size]
    assert.ok(Math.max(...sizes) <= 10 * MIB, sizes.join(' '))
    const logged = await shell(`$TAPWIRE logs large | sort | uniq -c`)
    assert.match(logged.output, /^ +1 0123456789abcdef\n +\d+ [0-9a-f]{47}\n$/)
    assert.equal(await daemon.do('logs', '--tail', '2', 'large').then((lines) => lines.split('\n').length), 2)
  })

  it('gives a command a terminal of the size that the user has, and gives the terminal back as it was', async () => {
    const folder = newFolder()
    const script = join(folder, 'session')
    writeFileSync(
      script,
      [
        'stty rows 33 cols 101',
        'stty -g > before',
        `${shellLine(daemon.line())} run --rm -it sh -c 'tty; stty size; echo $TERM; exit 9'`,
        'echo "code $?"',
        'stty -g > after',
      ].join('\n'),
    )
    // Its input stays open: at the end of it `script` types the terminal's end of file, whatever that is by then.
    const session = spawn(
      'script',
      ['-qec', `cd ${shellWord(folder)}; sh ${shellWord(script)}`, join(folder, 'typescript')],
      {
        env: { ...process.env, TERM: 'xterm-256color' },
        stdio: ['pipe', 'ignore', 'ignore'],
      },
    )
    await once(session, 'close')
    const lines = readFileSync(join(folder, 'typescript'), 'utf8').split(/\r*\n/)
    assert.ok(
      lines.some((line) => /\/dev\/pts\/\d+$/.test(line)),
      lines.join('\n'),
    )
    assert.ok(lines.includes('33 101'), lines.join('\n'))
    assert.ok(lines.includes('code 9'), lines.join('\n'))
    assert.equal(readFileSync(join(folder, 'after'), 'utf8'), readFileSync(join(folder, 'before'), 'utf8'))
  })

  it('keeps what was printed for logs, follows it, and tells the two streams apart', async () => {
    const script = `trap 'echo late; exit' USR1; echo out; echo err >&2; while :; do sleep 0.05; done`
    const sandbox = await daemon.run('talker', { Cmd: ['sh', '-c', script] })
    const follow = daemon.begin('logs', '-f', 'talker')
    await follow.printed(/err/)
    await daemon.do('kill', '-s', 'USR1', 'talker')
    const { output, errors } = await follow.end()
    assert.equal(output, 'out\nlate\n')
    assert.match(errors, /^err\n/)
    assert.match(await daemon.do('logs', '-t', sandbox), /^\d{4}-\d\d-\d\dT\S+Z out\n/)
  })

  it('removes what asked for it at its end, and all of its traces', async () => {
    const id = await daemon.do('run', '-d', '--rm', 'true')
    await until('it is removed', async () => (await daemon.ask('GET', `/sandboxes/${id}`)).status === 404)
    const short = id.slice(0, 12)
    const traces = daemon.traces()
    for (const left of [traces.folders, traces.shims, traces.processes]) assert.ok(!left.includes(short))
    assert.ok(!traces.links.includes(`tw-${short}`))
  })

  it('restarts, renames, waits and kills', async () => {
    const id = await daemon.do('run', '-d', '--name', 'first', '--stop-signal', 'SIGINT', 'sleep', '1000')
    const before = await daemon.inspect(id)
    assert.equal(await daemon.do('restart', 'first'), 'first')
    const after = await daemon.inspect(id)
    assert.notEqual(after.State.Pid, before.State.Pid)
    assert.ok(after.State.StartedAt > before.State.StartedAt)
    assert.equal(after.NetworkSettings.Networks['bridge']!.InterfaceName, 'eth0')

    await daemon.do('rename', 'first', 'second')
    assert.equal((await daemon.attempt('inspect', 'first')).code, 1)
    const waiting = daemon.begin('wait', 'second')
    await daemon.do('kill', '-s', 'TERM', 'second')
    assert.equal((await waiting.end()).output, '143\n')
    const { code, errors } = await daemon.attempt('kill', 'second')
    assert.equal(code, 1)
    assert.match(errors, /container [0-9a-f]{64} is not running/)
    await daemon.do('start', 'second')
    await daemon.do('stop', '-t', '5', 'second')
    assert.equal((await daemon.inspect(id)).State.ExitCode, 130)
    await daemon.do('rm', 'second')
  })

  it('kills at the end of a stop what the command has left running', async () => {
    const script = '(trap "" TERM; exec setsid sleep 1000) & (trap "" TERM HUP; sleep 1001) & exec sleep 1002'
    const id = await daemon.run('parent', { Cmd: ['sh', '-c', script] })
    const short = id.slice(0, 12)
    await daemon.do('stop', 'parent')
    assert.ok(!daemon.traces().processes.includes(short))
  })
})
