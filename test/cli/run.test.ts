/** run, exec, start -a and attach: streams, exit codes and the order of requests, against a daemon that only plays. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Frame } from '../../src/control/shim-frames.ts'
import { needs } from '../support/requirements.ts'
import { shellLine, shellWord } from '../support/shell-word.ts'
import { type CliOptions, type CliResult, plain } from './cli-harness.ts'
import { CliScene } from './cli-scene.ts'
import { Failure, type FakeStream, SANDBOX, WEB_ID } from './fake-control.ts'

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

const cli = new CliScene()

beforeEach(() => {
  cli.control.answers.set('POST /sandboxes', () => ({ Id: WEB_ID, Warnings: [] }))
  cli.control.answers.set('POST /sandboxes/*/start', () => undefined)
  cli.control.answers.set('GET /sandboxes/*', () => SANDBOX)
})

function tapwire(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  const { TERM, SHELL, PATH } = { TERM: 'xterm-test', SHELL: '/bin/sh', PATH: '/bin' }
  const env = { TAPWIRE_HOST: cli.host, TERM, SHELL, PATH, ...options.env }
  return cli.harness.tapwire(args, { ...options, env })
}

/** The body of the request that makes a sandbox. */
function created(): Record<string, unknown> {
  return cli.control.seen.find(({ method, path }) => method === 'POST' && path === '/sandboxes')
    ?.body as Record<string, unknown>
}

const STDIN = 0
const STDOUT = 1
const STDERR = 2
const RESIZE = 3
const SIGNAL = 5
const FAILED = 10

describe('tapwire run -d', () => {
  it('creates, starts, and prints the id', async () => {
    cli.control.answers.set('POST /sandboxes', () => ({ Id: WEB_ID, Warnings: ['It is late.'] }))
    const { code, out, err } = await tapwire(['run', '-d', '--name', 'web', 'sleep', '-v', '5'])
    assert.deepEqual([code, out, err], [0, `${WEB_ID}\n`, 'WARNING: It is late.\n'])
    assert.deepEqual(cli.control.asked, ['POST /sandboxes?name=web', `POST /sandboxes/${WEB_ID}/start`])
    assert.deepEqual(created()['Cmd'], ['sleep', '-v', '5'])
    assert.equal(created()['WorkingDir'], process.cwd())
  })

  it('is implied without a command: an idle sandbox', async () => {
    const { code, out } = await tapwire(['run', '--network', 'blue'])
    assert.deepEqual([code, out], [0, `${WEB_ID}\n`])
    assert.equal(created()['Cmd'], undefined)
    const { code: refused, err } = await tapwire(['run', '-it'])
    assert.equal(refused, 125)
    assert.match(err, /hint: For a shell: tapwire run -it bash/)
  })

  it('takes a command behind -- and options of its own', async () => {
    await tapwire(['run', '-d', '--', 'ls', '--', '-l'])
    assert.deepEqual(created()['Cmd'], ['ls', '--', '-l'])
  })

  it('sends who and where the caller is, and what options say', async () => {
    const env = { HOME: '/h', LANG: 'C', LC_ALL: 'C.UTF-8', SECRET: 's', GIVEN: 'g' }
    await tapwire(['run', '-d', '-e', 'GIVEN', '-e', 'LANG=de', '-e', 'NOT_THERE', '-w', '/tmp', 'ls'], {
      env,
    })
    const sent = created()['Env'] as string[]
    for (const entry of ['HOME=/h', 'LANG=de', 'LC_ALL=C.UTF-8', 'GIVEN=g', 'PATH=/bin', 'SHELL=/bin/sh']) {
      assert.ok(sent.includes(entry), entry)
    }
    assert.ok(!sent.some((entry) => /^(SECRET|TERM|NOT_THERE)\b/.test(entry)))
    assert.equal(created()['WorkingDir'], '/tmp')
  })

  it('ends with 125 where the sandbox cannot be made, 126 and 127 where the command cannot run', async () => {
    const messages = [
      ['network nope not found', 125],
      ['exec: "ls": executable file not found in $PATH', 127],
      ['exec: "/etc": permission denied', 126],
    ] as const
    for (const [message, expected] of messages) {
      cli.control.answers.set('POST /sandboxes/*/start', () => new Failure(400, message))
      const { code, err } = await tapwire(['run', '-d', 'ls'])
      assert.deepEqual([code, err], [expected, `tapwire: ${message}\n`])
    }
  })

  it('ends with 125 where the command line is wrong', async () => {
    for (const args of [
      ['--nope', 'ls'],
      ['-p', '80:x', 'ls'],
      ['-a', 'stdout', '-d', 'ls'],
      ['--network', 'a', '--network', 'host', 'ls'],
      ['--network-alias', 'x', 'ls'],
      ['--detach-keys', 'ctrl-!', '-t', 'ls'],
    ]) {
      assert.equal((await tapwire(['run', ...args])).code, 125, args.join(' '))
    }
    assert.equal(created(), undefined)
  })
})

describe('tapwire run', () => {
  it('attaches before it starts, shows both streams, and ends as the command does', async () => {
    cli.control.onStream = (stream) => {
      cli.control.answers.set('POST /sandboxes/*/start', () => {
        stream.send(STDOUT, 'to out\n')
        stream.send(STDERR, 'to err\n')
        stream.exit(7)
      })
    }
    const { code, out, err } = await tapwire(['run', 'ls'])
    assert.deepEqual([code, out, err], [7, 'to out\n', 'to err\n'])
    assert.deepEqual(cli.control.asked.slice(1), [
      `UPGRADE /sandboxes/${WEB_ID}/attach`,
      `POST /sandboxes/${WEB_ID}/start`,
      `POST /sandboxes/${WEB_ID}/wait?condition=not-running`,
    ])
  })

  it('with --rm waits until the sandbox is gone', async () => {
    let isGone = false
    cli.control.onStream = (stream) => {
      cli.control.answers.set('POST /sandboxes/*/start', () => stream.exit(0))
    }
    cli.control.answers.set('POST /sandboxes/*/wait', ({ query }) => {
      isGone = query['condition'] === 'removed'
      return { StatusCode: 0 }
    })
    assert.equal((await tapwire(['run', '--rm', 'ls'])).code, 0)
    assert.ok(isGone)
    assert.equal((created()['HostConfig'] as { AutoRemove: boolean }).AutoRemove, true)
  })

  it('with -i sends its input and the end of it', async () => {
    let received = ''
    cli.control.onStream = (stream) =>
      stream.onFrame(({ type, payload }) => {
        if (type !== STDIN) return
        received += Buffer.from(payload).toString()
        if (payload.length === 0) stream.exit(received.length)
      })
    const stdin = new PassThrough()
    stdin.end('hello')
    assert.equal((await tapwire(['run', '-i', 'cat'], { stdin })).code, 5)
    assert.equal(received, 'hello')
  })

  it('hands signals on, but not with --sig-proxy=false', async () => {
    cli.control.onStream = (stream) => {
      stream.onFrame(({ type, payload }) => {
        if (type === SIGNAL) stream.exit(128 + payload[0]!)
      })
      cli.control.answers.set(
        'POST /sandboxes/*/start',
        () => setImmediate(() => cli.harness.interrupt('SIGTERM')) && undefined,
      )
    }
    assert.equal((await tapwire(['run', 'sleep', '9'])).code, 143)
    cli.control.onStream = (stream) => stream.onFrame(() => assert.fail('a signal was handed on'))
    cli.control.answers.set('POST /sandboxes/*/start', () => cli.harness.interrupt('SIGTERM'))
    assert.equal((await tapwire(['run', '--sig-proxy=false', 'sleep', '9'])).code, 143)
    assert.equal(cli.harness.listening, 0)
  })

  it('with --rm takes back what was made where a signal comes before it is started', async () => {
    for (const [args, at] of [
      [[], 'POST /sandboxes'],
      [['-d'], 'POST /sandboxes'],
      [['--sig-proxy=false'], 'POST /sandboxes'],
      [[], `UPGRADE /sandboxes/${WEB_ID}/attach`],
    ] as const) {
      cli.control.seen.length = 0
      cli.control.answers.set('DELETE /sandboxes/*', () => undefined)
      for (const key of ['POST /sandboxes', `UPGRADE /sandboxes/${WEB_ID}/attach`]) {
        cli.control.answers.set(key, () => {
          if (key === at) cli.harness.interrupt('SIGINT')
          return { Id: WEB_ID, Warnings: [] }
        })
      }
      const { code, err } = await tapwire(['run', '--rm', ...args, 'sleep', '9'])
      assert.equal(code, 130)
      assert.match(err, /^tapwire: Interrupted by SIGINT; the sandbox was not started\.\n/)
      assert.equal(cli.control.asked.at(-1), `DELETE /sandboxes/${WEB_ID}?force=true`)
      assert.ok(!cli.control.asked.some((asked) => asked.endsWith('/start')))
      assert.equal(cli.harness.listening, 0)
    }
  })

  it('without --rm leaves it', async () => {
    cli.control.answers.set('POST /sandboxes', () => {
      cli.harness.interrupt('SIGTERM')
      return { Id: WEB_ID, Warnings: [] }
    })
    assert.equal((await tapwire(['run', '-d', 'sleep', '9'])).code, 143)
    assert.deepEqual(cli.control.asked, ['POST /sandboxes'])
  })

  it('ends at once where a signal is its own, whatever the daemon still owes', async () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      cli.control.answers.set('POST /sandboxes/*/start', () => {
        child.kill(signal)
        return new Promise(() => {})
      })
      const args = ['run', '--rm', '--sig-proxy=false', 'sleep', '9']
      const child = spawn(process.execPath, [main, '-H', cli.control.socket, ...args], {
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
      assert.equal(code, signal === 'SIGINT' ? 130 : 143)
      assert.equal(err, `tapwire: Interrupted by ${signal}; the command may go on.\n`)
    }
  })

  it('tells where the daemon hangs up', async () => {
    cli.control.onStream = (stream) => {
      cli.control.answers.set('POST /sandboxes/*/start', () => stream.hangUp())
    }
    const { code, err } = await tapwire(['run', 'ls'])
    assert.equal(code, 125)
    assert.match(err, /^tapwire: The daemon has hung up/)
  })

  it('refuses a terminal where input is none', async () => {
    const { code, err } = await tapwire(['run', '-it', 'ls'])
    assert.equal(code, 1)
    assert.match(err, /^tapwire: the input device is not a TTY\n/)
  })
})

describe('options of docker that a sandbox has no use for', () => {
  const OPTIONS: readonly (readonly [words: readonly string[], told: RegExp])[] = [
    [
      ['-v', '/a:/b'],
      /^tapwire: --volume does not apply: a sandbox is one of this machine's programs, and sees/,
    ],
    [['--mount=type=bind'], /^tapwire: --mount does not apply: .* files and devices\.\nhint: /],
    [['--privileged'], /^tapwire: --privileged does not apply: .* runs with the daemon's rights\.\nhint: /],
    [['--cap-add', 'NET_ADMIN'], /^tapwire: --cap-add does not apply: /],
    [['-u', 'nobody'], /^tapwire: --user does not apply: /],
    [['-m', '1g'], /^tapwire: --memory does not apply: .* limits nothing but its network\./],
    [['--entrypoint', 'sh'], /^tapwire: --entrypoint does not apply: .* has no image\./],
    [['--pid=host'], /^tapwire: --pid does not apply: .* shares the machine's processes\./],
    [['--restart', 'always'], /^tapwire: --restart does not apply: there are no restart policies/],
  ]

  it('are refused with a sentence, and 125', async () => {
    for (const [words, told] of OPTIONS) {
      for (const command of ['run', 'create']) {
        const { code, err } = await tapwire([command, ...words, 'ls'])
        assert.equal(code, 125)
        assert.match(err, told)
      }
    }
    assert.equal((await tapwire(['exec', '--privileged', 'web', 'ls'])).code, 125)
    assert.deepEqual(cli.control.asked, [])
    const { out } = await tapwire(['run', '--help'])
    assert.doesNotMatch(out, /--privileged|--restart/)
    assert.match(out.replaceAll(/\s+/g, ' '), /`kill -9 -1` and `killall` in it hit all of the machine's/)
  })

  it('are the command’s behind it, and --restart no is what a sandbox does', async () => {
    const { code } = await tapwire(['run', '-d', '--restart', 'no', 'ls', '-v', '--privileged'])
    assert.equal(code, 0)
    assert.deepEqual(created()['Cmd'], ['ls', '-v', '--privileged'])
  })
})

describe('tapwire exec', () => {
  it('runs a command and ends as it does', async () => {
    cli.control.onStream = (stream, { body }) => {
      stream.send(STDOUT, JSON.stringify((body as { Cmd: string[] }).Cmd))
      stream.exit(3)
    }
    for (const dashes of [[], ['--']]) {
      const { code, out } = await tapwire(['exec', 'web', ...dashes, 'ls', '--', '-e'])
      assert.deepEqual([code, out], [3, '["ls","--","-e"]'])
    }
  })

  it('tells why a command could not be started, with its exit code', async () => {
    cli.control.onStream = (stream) =>
      stream.send(FAILED, Uint8Array.of(127, ...Buffer.from('no such program')))
    const { code, err } = await tapwire(['exec', 'web', 'nope'])
    assert.deepEqual([code, err], [127, 'tapwire: no such program\n'])
    cli.control.answers.set(
      'UPGRADE /sandboxes/web/exec',
      () => new Failure(409, 'container web is not running'),
    )
    assert.deepEqual(await tapwire(['exec', 'web', 'ls']), {
      code: 1,
      out: '',
      err: 'tapwire: container web is not running\n',
    })
  })

  it('goes away at once with -d', async () => {
    assert.deepEqual(await tapwire(['exec', '-d', 'web', 'sleep', '9']), { code: 0, out: '', err: '' })
  })
})

describe('tapwire attach and start -a', () => {
  it('show what the command prints until it ends', async () => {
    cli.control.onStream = (stream) => {
      stream.send(STDOUT, 'x')
      stream.exit(4)
    }
    assert.deepEqual(await tapwire(['attach', '--no-stdin', 'web']), { code: 4, out: 'x', err: '' })
    assert.deepEqual(await tapwire(['start', '-a', 'web']), { code: 4, out: 'x', err: '' })
  })

  it('refuse a sandbox that does not run, and several at once', async () => {
    cli.control.answers.set('GET /sandboxes/*', () => ({
      ...SANDBOX,
      State: { ...SANDBOX.State, Running: false },
    }))
    const { code, err } = await tapwire(['attach', 'web'])
    assert.equal(code, 1)
    assert.match(err, /^tapwire: You cannot attach to a stopped container, start it first\n/)
    assert.match(
      (await tapwire(['start', '-a', 'web', 'db'])).err,
      /cannot start and attach multiple containers/,
    )
  })
})

describe('a terminal', () => {
  /**
   * Runs the program with a pseudo-terminal, by script(1), whose size stty sets first. `keys` are typed when the program
   * has told the size: the terminal is raw then.
   */
  async function inTerminal(
    args: string,
    keys: string,
    play: (stream: FakeStream, frame: Frame) => void,
  ): Promise<string> {
    const program = shellLine([process.execPath, main, '-H', cli.control.socket])
    const inner = `echo $$ >${shellWord(pidFile())}; exec ${program} ${args}`
    const command = `stty rows 30 cols 100; sh -c ${shellWord(inner)}; echo "code $?"; stty -a`
    const child = spawn('script', ['-qec', command, '/dev/null'], { stdio: ['pipe', 'pipe', 'inherit'] })
    cli.control.onStream = (stream) =>
      stream.onFrame((frame) => {
        if (frame.type === RESIZE) child.stdin.write(keys)
        play(stream, frame)
      })
    const [shown] = await Promise.all([text(child.stdout), once(child, 'close')])
    return shown
  }

  /** Of the program in the terminal. */
  const pidFile = (): string => join(cli.harness.folder, 'pid')

  const skip = needs('script')

  it('is raw while the command has it, tells its size, and is as before afterwards', { skip }, async () => {
    const sizes: number[] = []
    let typed = ''
    const shown = await inTerminal('run -it sh', 'a\x03', (stream, { type, payload }) => {
      const bytes = Buffer.from(payload)
      if (type === RESIZE) sizes.push(bytes.readUInt16BE(0), bytes.readUInt16BE(2))
      if (type !== STDIN) return
      typed += bytes.toString()
      if (!typed.endsWith('\x03')) return
      stream.send(STDOUT, 'bye\r\n')
      stream.exit(9)
    })
    // Ctrl-C is a key for the command, and no signal for this program.
    assert.deepEqual([sizes, typed], [[30, 100], 'a\x03'])
    assert.match(shown, /bye\r\n/)
    assertEnded(shown, 9)
  })

  it('is left by ctrl-p ctrl-q, with all other keys handed on', { skip }, async () => {
    let typed = ''
    const shown = await inTerminal('run -it sh', 'x\x10y\x10\x11', (_, { type, payload }) => {
      if (type === STDIN) typed += Buffer.from(payload).toString()
    })
    assert.equal(typed, 'x\x10y')
    assert.match(shown, /read escape sequence/)
    assertEnded(shown, 0)
  })

  it('is as before where the daemon hangs up', { skip }, async () => {
    const shown = await inTerminal('exec -it web sh', 'x', (stream, { type }) => {
      if (type === STDIN) stream.hangUp()
    })
    assert.match(plain(shown), /tapwire: The daemon has hung up/)
    assertEnded(shown, 1)
  })

  it('is as before where the program is told to end', { skip }, async () => {
    const shown = await inTerminal('exec -it web sh', 'x', (_, { type }) => {
      if (type === STDIN) process.kill(Number(readFileSync(pidFile(), 'utf8')), 'SIGTERM')
    })
    assertEnded(shown, 143)
  })

  function assertEnded(shown: string, code: number): void {
    assert.match(shown, new RegExp(`code ${code}\\b`))
    assert.match(shown, /[^-]icanon .*[^-]echo /)
  }
})
