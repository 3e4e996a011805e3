/** Captures as people take them: with the command line and with Wireshark's programs, which read what it writes. */

import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { CaptureSummary } from '../../src/control/api/capture.ts'
import { FILTER_TEXT_MAX } from '../../src/limits.ts'
import { type CaptureContents, readCapture } from '../support/capture-contents.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { needsScapy, scapy } from '../support/scapy.ts'
import { HOST, INTERNET, NatScene } from './support/nat-scene.ts'
import type { OwnCommand } from './support/own-command.ts'
import { attempt, type Place, Program, run } from './support/program.ts'
import { newFolder } from './support/scene.ts'
import { until } from './support/until.ts'

const skip =
  needsTap() ||
  needsScapy() ||
  needs('ip', 'ping', 'socat', 'nsenter', 'unshare', 'tshark', 'capinfos', 'editcap', 'mergecap')

const WEB = '10.78.1.2'
const BULK = 2_000_000

describe('tapwire capture', { skip }, () => {
  let scene: NatScene
  let folder: string
  before(async () => {
    scene = await NatScene.start()
    folder = newFolder()
    await scene.daemon.network('blue', '10.78.1.0/24')
    await scene.daemon.network('red', '10.78.2.0/24')
    await scene.sandbox('web', 'blue', ['8080:80'])
    await scene.sandbox('app', 'blue')
    await scene.sandbox('client', 'red')
    const server = scene.begin(
      'web',
      'socat',
      '-d',
      '-d',
      '-u',
      'TCP-LISTEN:80,reuseaddr,fork',
      'OPEN:/dev/null',
    )
    await until('the server listens', async () => /listening on/.test(server.errors))
  })
  after(() => scene.stop())

  const inFolder = (name: string): string => join(folder, name)
  /** For tshark, without the programs that Wireshark brings itself, all of which it would run each time; nothing is in its folder at first. */
  const alone = (): Place => {
    const home = newFolder()
    const environment = { HOME: home, XDG_CONFIG_HOME: join(home, '.config'), WIRESHARK_EXTCAP_DIR: home }
    return { environment }
  }
  const captures = (): Promise<readonly CaptureSummary[]> => scene.daemon.call('GET', '/captures')
  const none = () => until('no capture is left', async () => (await captures()).length === 0)
  const ping = (count = 1) => scene.on('app', 'ping', '-n', '-c', String(count), '-i', '0.05', WEB)
  /** To the published port, from the machine. */
  const send = (size: number) =>
    scene.on('internet', 'sh', '-c', `head -c ${size} /dev/zero | socat -u - TCP:${HOST}:8080`)

  /** A capture that has begun. */
  async function begin(...args: readonly string[]): Promise<OwnCommand> {
    return begun(scene.daemon.beginOwn('capture', ...args))
  }

  /** As a program, which can get a signal. */
  async function beginProgram(...args: readonly string[]): Promise<Program> {
    return begun(scene.daemon.begin('capture', ...args))
  }

  async function begun<T extends OwnCommand | Program>(capture: T): Promise<T> {
    await capture.printed(/Capturing at/)
    return capture
  }

  /** What the file tells, if it is right. */
  function read(path: string): CaptureContents {
    const contents = readCapture(readFileSync(path))
    assert.equal(contents.error, undefined)
    return contents
  }

  it('writes files of every kind that all programs read alike', async () => {
    const kinds = {
      any: [],
      endpoint: ['web@blue', '--filter', 'host app or host web'],
      uplink: ['uplink', '--post-nat', '--snaplen', '60'],
      drops: ['--drops'],
      arrivals: ['web', 'red', '--pre-nat', '--raw'],
    }
    const files = Object.keys(kinds).map((name) => inFolder(`${name}.pcapng`))
    const begun = await Promise.all(Object.values(kinds).map((args, i) => begin(...args, '-w', files[i]!)))
    await ping()
    await send(20_000)
    await scene.on('web', 'ping', '-c', '1', INTERNET)
    await scene.attempt('client', 'ping', '-c', '1', '-W', '0.2', WEB)
    const outcomes = await Promise.all(begun.map((one) => one.interrupt()))

    const contents = files.map(read)
    const all = Object.keys(kinds).map((name, i) => [name, contents[i]!.packets.length] as const)
    const counts = Object.fromEntries(all)
    for (const [i, { code, errors }] of outcomes.entries()) {
      const { packets, statistics, interfaces } = contents[i]!
      assert.equal(code, 0, errors)
      assert.match(errors, new RegExp(`^${packets.length} packets? captured, 0 dropped by`, 'm'))
      assert.ok(packets.length > 0, JSON.stringify(counts))
      assert.equal(statistics.length, interfaces.length)
    }
    assert.ok(
      counts['any']! > counts['endpoint']! && counts['endpoint']! > counts['arrivals']!,
      JSON.stringify(counts),
    )
    for (const { comments } of contents[Object.keys(kinds).indexOf('drops')]!.packets) {
      assert.ok(comments.some((comment) => comment.startsWith('dropped: ')))
    }
    assert.ok(
      contents[0]!.packets.some(({ comments }) => /DNAT .*:8080 → 10\.78\.1\.2:80/.test(comments.join())),
    )
    await readByOthers(files, contents)
  })

  async function readByOthers(files: readonly string[], contents: readonly CaptureContents[]): Promise<void> {
    const reads = async (...line: [string, ...string[]]): Promise<string> => {
      const { code, output, errors } = await attempt({}, ...line)
      assert.equal(code, 0, errors)
      assert.doesNotMatch(errors, /appears|damaged|corrupt|cut short|isn't/)
      return output
    }
    const counts = await reads('capinfos', '-c', '-M', ...files)
    assert.deepEqual(
      Array.from(counts.matchAll(/^Number of packets: +(\d+)$/gm), ([, count]) => Number(count)),
      contents.map(({ packets }) => packets.length),
    )
    for (const [i, { packets }] of contents.entries()) {
      const again = `${files[i]!}.again`
      await reads('editcap', files[i]!, again)
      assert.deepEqual(read(again).packets, packets)
    }
    // One behind the other: to start tshark takes longer than to read them.
    const all = inFolder('all.pcapng')
    await reads('mergecap', '-a', '-w', all, ...files)
    const fields = ['frame.time_epoch', 'frame.cap_len', 'frame.len'].flatMap((field) => ['-e', field])
    const rows = contents.flatMap(({ packets }) =>
      packets.map(({ seconds, nanoseconds, bytes, originalLength }) =>
        [`${seconds}.${String(nanoseconds).padStart(9, '0')}`, bytes.length / 2, originalLength].join('\t'),
      ),
    )
    const told = await reads('tshark', '-n', '-r', all, '-T', 'fields', ...fields)
    assert.deepEqual(told.trimEnd().split('\n'), rows)
    const program = `
import logging
complaints = []
handler = logging.Handler()
handler.emit = lambda record: complaints.append(record.getMessage())
logging.getLogger('scapy').addHandler(handler)
from scapy.utils import RawPcapNgReader
answer = {'frames': [[[d.hex(), m.wirelen] for d, m in RawPcapNgReader(path)] for path in argument], 'complaints': sorted(set(complaints))}`
    const { frames, complaints } = scapy(program, files) as {
      frames: [string, number][][]
      complaints: string[]
    }
    // Scapy 2.5 wants a newline in each comment, and says so of Wireshark's files too.
    assert.deepEqual(
      complaints.filter((one) => !one.endsWith('PcapNg: invalid comment option')),
      [],
    )
    assert.deepEqual(
      frames,
      contents.map(({ packets }) => packets.map(({ bytes, originalLength }) => [bytes, originalLength])),
    )
  }

  it('shows packets as lines while they pass', async () => {
    const begun = await begin('blue', '--filter', 'icmp and host web', '-c', '2')
    await ping()
    const { code, output } = await begun.end()
    assert.equal(code, 0)
    assert.match(output, /^\d\d:\d\d:\d\d\.\d{9} \[app\.eth0@blue in\] app > web: ICMP echo request.*\n/)
    assert.match(output, /\n\S+ \[web\.eth0@blue out\] app > web: ICMP echo request.*\n$/)
  })

  it('is refused for a filter that is wrong, with its place, and takes the longest one', async () => {
    const { code, errors } = await scene.daemon.attempt('capture', '--filter', 'tcp prot 80')
    assert.equal(code, 1)
    assert.match(errors, /^ *tcp prot 80\n *\^$/m)
    const long = 'not tcp'.padEnd(FILTER_TEXT_MAX)
    const { code: done, errors: told } = await scene.daemon.attempt(
      'capture',
      '--filter',
      long,
      '--duration',
      '1ms',
    )
    assert.equal(done, 0, told)
  })

  it('is shown by tshark while it goes on, and ends with it', async () => {
    const line = scene.daemon.line('capture', 'any', '-w', '-').map((word) => `'${word}'`)
    const left = `{ ${line.join(' ')}; echo "code $?" >&2; }`
    const program = new Program(alone(), 'sh', '-c', `${left} | tshark -l -n -i - -Y icmp`)
    await program.printed(/Capturing at/)
    await program.printed(/Capture started/)
    await ping()
    await program.printed(/Echo \(ping\) reply/)
    assert.equal((await captures()).length, 1)
    // Only the reader: it is the pipeline's last program.
    const children = readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')
    process.kill(Number(children.trim().split(' ').at(-1)), 'SIGINT')
    await until('no capture is left', async () => {
      await ping()
      return (await captures()).length === 0
    })
    const { errors } = await program.end()
    assert.match(errors, /^code 0$/m)
    assert.doesNotMatch(errors, /EPIPE|Error|defect/)
  })

  it('keeps to a ring of files, each of which can be read, and all together', async () => {
    const size = 300_000
    const program = await beginProgram('web', '-w', inFolder('ring.pcapng'), '--ring', '300kB×3')
    await send(BULK)
    const { code, errors } = await program.stop('SIGTERM')
    assert.equal(code, 0, errors)
    const names = readdirSync(folder).filter((name) => name.startsWith('ring-'))
    assert.equal(names.length, 3)
    assert.ok(!names.includes('ring-00001.pcapng'))
    const paths = names.toSorted().map(inFolder)
    const packets = paths.flatMap((path) => {
      assert.ok(statSync(path).size <= size)
      return read(path).packets
    })
    const merged = inFolder('merged.pcapng')
    await run({}, 'mergecap', '-w', merged, ...paths)
    assert.match(await run({}, 'capinfos', '-c', '-M', merged), new RegExp(` ${packets.length}\n`))
  })

  it('ends with a disk that is full, and traffic goes on', async () => {
    const [disk, kept] = [inFolder('disk'), inFolder('full.pcapng')]
    mkdirSync(disk)
    const script = `mount -t tmpfs -o size=1m none ${disk}; set +e; "$@"; code=$?; cp ${disk}/a.pcapng ${kept}; exit $code`
    const line = scene.daemon.line('capture', 'web', '-w', `${disk}/a.pcapng`)
    const program = new Program({}, 'unshare', '--mount', 'sh', '-ec', script, 'sh', ...line)
    await program.printed(/Capturing at/)
    await send(BULK)
    const { code, errors } = await program.end()
    assert.equal(code, 1)
    assert.match(errors, new RegExp(`^tapwire: write ${disk}/a\\.pcapng: no space left on device$`, 'm'))
    assert.match(errors, /^hint: The capture has ended\. Its first [\d.]+ [kM]B are in the file/m)
    const { packets } = read(kept)
    assert.ok(packets.length > 500, String(packets.length))
    assert.equal((await attempt({}, 'capinfos', kept)).errors, '')
    await none()
    await ping()
  })

  it('ends with a client that is killed', async () => {
    const program = await beginProgram('-w', inFolder('killed.pcapng'))
    assert.equal((await captures()).length, 1)
    await program.stop('SIGKILL')
    await none()
  })

  it('is what tshark captures at the interfaces that it finds', async () => {
    const own = alone()
    await run(own, ...scene.daemon.line('extcap', 'install'))
    const list = await run(own, 'tshark', '-D')
    for (const name of ['tapwire-any', 'tapwire-uplink', 'tapwire-network-blue', 'tapwire-sandbox-web']) {
      assert.match(list, new RegExp(`^\\d+\\. ${name} \\(Tapwire: `, 'm'))
    }
    const filter = ['-f', 'icmp and host web']
    const at = (name: string, ...args: readonly string[]) =>
      new Program(own, 'tshark', '-l', '-n', '-i', name, ...args)
    const program = at(
      'tapwire-network-blue',
      ...filter,
      '-c',
      '4',
      '-T',
      'fields',
      '-e',
      'ip.src',
      '-e',
      'frame.interface_name',
    )
    await until('it captures', async () => (await captures()).length === 1)
    await ping(2)
    const { code, output, errors } = await program.end()
    assert.equal(code, 0, errors)
    const app = await scene.address('app', 'blue')
    assert.deepEqual(
      output.trimEnd().split('\n').slice(0, 4),
      [
        [app, 'app.eth0@blue'],
        [app, 'web.eth0@blue'],
        [WEB, 'web.eth0@blue'],
        [WEB, 'app.eth0@blue'],
      ].map((row) => row.join('\t')),
    )
    await none()

    const refused = await at('tapwire-any', '-f', 'host nobody', '-c', '1').end()
    assert.notEqual(refused.code, 0)
    assert.match(refused.errors, /nobody/)
  })

  it('tells that the daemon was killed, with a file that is whole up to there', async () => {
    const file = inFolder('daemon.pcapng')
    const program = await beginProgram('-w', file)
    await ping(3)
    await until('they are in the file', async () => read(file).packets.length >= 6)
    await scene.daemon.kill()
    const { code, errors } = await program.end()
    assert.equal(code, 1)
    assert.match(errors, /^tapwire: The daemon at .* has gone in the middle of the capture\.$/m)
    assert.ok(read(file).packets.length >= 6)
    await scene.daemon.again()
  })
})
