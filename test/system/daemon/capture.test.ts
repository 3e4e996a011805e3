/** Captures of a running daemon, as its clients get them: what tshark and capinfos read in them, and what becomes of the traffic meanwhile. */

import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { CaptureSummary, FollowedFrame } from '../../../src/control/api/capture.ts'
import { CAPTURE_ID_HEADER } from '../../../src/control/capture-points.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { CHECK_CHECKSUMS } from '../../support/tshark-checksums.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { HOST, INTERNET, NatScene } from '../support/nat-scene.ts'
import { Program, run } from '../support/program.ts'
import { newFolder } from '../support/scene.ts'
import { until } from '../support/until.ts'

/** Without what has nowhere to go: multicasts of the kernels. */
const lossesOf = (drops: Readonly<Record<string, number>>): object => ({ ...drops, 'no-other-port': 0 })

/** A flag, as old and new tshark print it. */
const isSet = (field: string | undefined): boolean => field === '1' || field === 'True'

const skip = needsTap() || needs('ip', 'curl', 'tshark', 'capinfos', 'ping', 'socat', 'nsenter')
const BULK = 4_000_000
/** Bytes that are sent at a time until a ring of 32 MiB and the buffers of a socket that nobody reads are full. */
const FLOOD = 20_000_000

describe('captures', { skip }, () => {
  let scene: NatScene
  let folder: string
  let files = 0
  before(async () => {
    scene = await NatScene.start()
    folder = newFolder()
    await scene.daemon.network('blue', '10.77.1.0/24')
    await scene.daemon.network('red', '10.77.2.0/24')
    await scene.sandbox('web', 'blue', ['8080:80'])
    await scene.sandbox('client', 'red')
  })
  after(() => scene.stop())

  /** curl, writing a capture to a file; it has begun. */
  async function capture(query: string): Promise<Recording> {
    const file = join(folder, `${++files}.pcapng`)
    const headers = `${file}.headers`
    const line = [
      '--silent',
      '--show-error',
      '--fail-with-body',
      '--no-buffer',
      '--unix-socket',
      scene.daemon.socket,
    ]
    const url = `http://localhost/capture?${query}`
    const program = new Program({}, 'curl', ...line, '--dump-header', headers, '--output', file, url)
    await until(
      'the capture has begun',
      async () => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0,
    )
    const text = readFileSync(headers, 'utf8')
    const id = new RegExp(`^${CAPTURE_ID_HEADER}: (\\w+)`, 'mi').exec(text)?.[1]
    assert.ok(id, text)
    return { id, file, program }
  }

  interface Recording {
    readonly id: string
    readonly file: string
    readonly program: Program
  }

  async function stop({ id, program }: Recording): Promise<void> {
    await scene.daemon.call('POST', `/capture/${id}/stop`)
    const { code, errors } = await program.end()
    assert.equal(code, 0, errors)
  }

  const captures = (): Promise<readonly CaptureSummary[]> => scene.daemon.call('GET', '/captures')

  /** Rows of fields of all packets that a display filter lets pass. Checksums are looked at. */
  async function rows(file: string, filter: string, ...fields: readonly string[]): Promise<string[][]> {
    const what = fields.flatMap((field) => ['-e', field])
    const line = ['-r', file, '-n', ...CHECK_CHECKSUMS, '-Y', filter, '-T', 'fields', ...what]
    const text = await run({}, 'tshark', ...line)
    return text
      .split('\n')
      .filter((one) => one !== '')
      .map((one) => one.split('\t'))
  }

  const serve = async (name: string, target: string): Promise<Program> => {
    const server = scene.begin(name, 'socat', '-d', '-d', '-u', 'TCP-LISTEN:80,reuseaddr,fork', target)
    await until('the server listens', async () => /listening on/.test(server.errors))
    return server
  }

  it('show a connection to a published port as it comes and as it goes on, in plain words', async () => {
    const recording = await capture('place=uplink&place=web@blue')
    await scene.daemon.call('DELETE', '/fdb')
    const server = await serve('web', 'OPEN:/dev/null,append')
    await scene.on('internet', 'sh', '-c', `head -c ${BULK} /dev/zero | socat -u - TCP:${HOST}:8080`)
    await scene.on('web', 'ping', '-c', '1', INTERNET)
    await stop(recording)
    await server.stop('SIGTERM')
    const { file } = recording

    const all = (
      await rows(
        file,
        'frame',
        'frame.interface_name',
        'ip.src',
        'ip.dst',
        'tcp.dstport',
        'frame.packet_flags_direction',
        'frame.comment',
        'frame.len',
        'ip.checksum.status',
        'tcp.checksum.status',
        'tcp.flags.syn',
        'tcp.flags.ack',
        'icmp.type',
      )
    ).map(([where, source, destination, port, direction, comment = '', length, ip, tcp, syn, ack, icmp]) => ({
      where,
      source,
      destination,
      port,
      direction,
      comment,
      length,
      ip,
      tcp,
      beginsConnection: isSet(syn) && !isSet(ack),
      icmp,
    }))
    assert.ok(all.length > 2 * (BULK / 1460), String(all.length))
    for (const { length, ip, tcp } of all) {
      assert.ok(Number(length) <= 1514, length)
      assert.ok(ip === '' || /^1(,1)?$/.test(ip!), `ip checksum ${ip}`)
      assert.ok(tcp === '' || tcp === '1', `tcp checksum ${tcp}`)
    }
    const [syn, dnat] = all.filter(({ beginsConnection }) => beginsConnection)
    const target = await scene.address('web', 'blue')
    assert.deepEqual([syn!.where, syn!.destination, syn!.port], ['eth0@uplink', HOST, '8080'])
    assert.deepEqual([dnat!.where, dnat!.destination, dnat!.port], ['web.eth0@blue', target, '80'])
    assert.deepEqual([syn!.direction, dnat!.direction], ['0x00000001', '0x00000002'])
    assert.match(syn!.comment, /begins connection #\d+/)
    assert.match(dnat!.comment, new RegExp(`DNAT ${HOST}:8080 → ${target}:80, connection #\\d+`))
    const pings = all.filter(({ icmp }) => icmp === '8')
    assert.deepEqual(
      pings.map(({ where, source }) => [where, source]),
      [
        ['web.eth0@blue', target],
        ['eth0@uplink', HOST],
      ],
    )
    assert.match(pings[1]!.comment, new RegExp(`SNAT ${target} id \\d+ → ${HOST} id \\d+`))
    assert.ok(all.some(({ comment }) => comment.includes('learned')))
    const info = await run({}, 'capinfos', file)
    assert.match(info, /Name = web\.eth0@blue[\s\S]*Description = eth0 of sandbox web on network blue/)
    assert.match(info, /Time precision = nanoseconds/)
    assert.match(info, /Number of stat entries = 1/)
  })

  it('are raw where that is wanted: super-frames whole', async () => {
    const recording = await capture('place=web&raw=true&point=post-nat&filter=tcp')
    const server = await serve('web', 'OPEN:/dev/null,append')
    await scene.on('host', 'sh', '-c', `head -c ${BULK} /dev/zero | socat -u - TCP:127.0.0.1:8080`)
    await stop(recording)
    await server.stop('SIGTERM')
    const lengths = (await rows(recording.file, 'frame', 'frame.len')).map(([length]) => Number(length))
    assert.ok(
      lengths.some((length) => length > 1514),
      String(Math.max(...lengths)),
    )
  })

  it('of what is dropped say why', async () => {
    const recording = await capture('place=client&drops=true&filter=icmp')
    await scene.attempt('client', 'ping', '-c', '1', '-W', '1', '10.77.1.2')
    await scene.on('client', 'ping', '-c', '1', INTERNET)
    await stop(recording)
    const dropped = await rows(recording.file, 'frame', 'ip.dst', 'frame.comment')
    assert.deepEqual(
      dropped.map(([address]) => address),
      ['10.77.1.2'],
    )
    assert.match(dropped[0]![1]!, /dropped: network-isolated\. /)
  })

  it('show what an impaired link loses, in either direction', async () => {
    const recording = await capture('place=client&drops=true&filter=icmp')
    for (const way of ['from', 'to']) {
      const before = await scene.drops()
      await scene.daemon.call('PUT', '/links/client', { [way]: { loss: '100%' } })
      await scene.attempt('client', 'ping', '-c', '1', '-W', '1', INTERNET)
      await scene.dropped('link-loss', before)
    }
    await scene.daemon.call('DELETE', '/links/client')
    await stop(recording)
    const lost = await rows(
      recording.file,
      'frame',
      'icmp.type',
      'frame.packet_flags_direction',
      'frame.comment',
    )
    assert.deepEqual(
      lost.map(([type, direction]) => [type, direction]),
      [
        ['8', '0x00000001'],
        ['0', '0x00000002'],
      ],
    )
    for (const [, , comment] of lost) assert.match(comment!, /dropped: link-loss\. /)
  })

  it('keep to a filter, a length and a number of packets', async () => {
    const recording = await capture('filter=icmp+and+host+10.77.2.2&snaplen=60&count=3&point=pre-nat')
    await scene.on('client', 'ping', '-c', '3', '-s', '500', INTERNET)
    const { code } = await recording.program.end()
    assert.equal(code, 0)
    const packets = await rows(recording.file, 'frame', 'frame.cap_len', 'frame.len', 'ip.src')
    assert.deepEqual(
      packets,
      Array.from({ length: 3 }, () => ['60', '542', '10.77.2.2']),
    )
    assert.deepEqual(await captures(), [])
  })

  it('follow places that come and go', async () => {
    const recording = await capture('place=blue&filter=arp+or+icmp')
    const address = '10.77.1.99'
    for (let i = 0; i < 2; i++) {
      await scene.daemon.run('guest', {
        HostConfig: { NetworkMode: 'blue' },
        NetworkingConfig: { EndpointsConfig: { blue: { IPAMConfig: { IPv4Address: address } } } },
      })
      await scene.on('web', 'ping', '-c', '1', address)
      await scene.daemon.call('DELETE', '/sandboxes/guest?force=1')
    }
    await stop(recording)
    const answers = await rows(
      recording.file,
      `icmp.type == 0 && ip.src == ${address}`,
      'frame.interface_name',
    )
    const names = answers.map(([name]) => name)
    assert.deepEqual(names, ['guest.eth0@blue', 'web.eth0@blue', 'guest.eth0@blue#2', 'web.eth0@blue'])
  })

  it('that nobody reads lose copies, and traffic nothing', async () => {
    const reader = request({ socketPath: scene.daemon.socket, path: '/capture?place=web&raw=1' })
    reader.on('error', () => undefined)
    // The answer is there, and nobody takes it.
    reader.on('response', (answer) => answer.pause())
    reader.end()
    await until('the capture runs', async () => (await captures()).length === 1)
    const before = await scene.drops()
    const target = join(folder, 'received')
    const server = await serve('web', `OPEN:${target},creat,append`)
    let sent = 0
    await until('copies are lost', async () => {
      await scene.on('host', 'sh', '-c', `head -c ${FLOOD} /dev/zero | socat -u - TCP:127.0.0.1:8080`)
      sent += FLOOD
      return (await captures())[0]!.dropped > 0
    })
    await until('all has arrived', async () => statSync(target).size === sent)
    await server.stop('SIGTERM')
    const [summary] = await captures()
    assert.ok(summary!.accepted >= summary!.dropped + summary!.captured)
    const { body } = await scene.daemon.ask('GET', '/metrics')
    assert.match(body, /^tapwire_capture_dropped_packets_total [1-9]/m)
    assert.deepEqual(lossesOf(await scene.drops()), lossesOf(before))
    reader.destroy()
    await until('no capture is left', async () => (await captures()).length === 0)
  })

  it('end with a client that is killed', async () => {
    const recording = await capture('place=any')
    await recording.program.stop('SIGKILL')
    await until('no capture is left', async () => (await captures()).length === 0)
    const { body } = await scene.daemon.ask('GET', `/events?since=1&until=${Date.now() / 1000}`)
    assert.match(body, new RegExp(`"Type":"capture","Action":"stop","Actor":{"ID":"${recording.id}"`))
  })

  it('are refused with a filter that is none, for places that are none, and beyond their number', async () => {
    const ask = (query: string) => scene.daemon.ask('GET', `/capture?${query}`)
    assert.equal((await ask('filter=tcp+prot+80')).status, 400)
    assert.equal((await ask('place=nobody')).status, 404)
    assert.equal((await scene.daemon.ask('POST', '/capture/abc/stop')).status, 404)
    const running: Recording[] = []
    for (let i = 0; i < 8; i++) running.push(await capture('place=web'))
    assert.equal((await ask('place=web')).status, 409)
    for (const one of running) await stop(one)
  })

  it('become whole where the daemon ends', async () => {
    const daemon = await ControlDaemon.start()
    const file = join(folder, 'ended.pcapng')
    const line = ['--silent', '--no-buffer', '--unix-socket', daemon.socket, '--output', file]
    const program = new Program({}, 'curl', ...line, 'http://localhost/capture?place=bridge')
    await until('the capture has begun', () => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0)
    await daemon.run('one')
    await daemon.stop()
    assert.equal((await program.end()).code, 0)
    assert.match(await run({}, 'capinfos', file), /Name = one\.eth0@bridge[\s\S]*Number of stat entries = 1/)
  })

  it('can be followed frame by frame, with each decision', async () => {
    const line = ['--silent', '--no-buffer', '--unix-socket', scene.daemon.socket]
    const program = new Program(
      {},
      'curl',
      ...line,
      'http://localhost/explain/follow?place=client&filter=icmp',
    )
    await until('it has begun', async () => {
      await scene.on('client', 'ping', '-c', '1', INTERNET)
      return program.output.includes('data:')
    })
    await program.stop('SIGTERM')
    const first = program.output.split('\n').find((one) => one.startsWith('data:')) ?? ''
    const frame = JSON.parse(first.slice('data:'.length)) as FollowedFrame
    assert.equal(frame.arrival?.place.name, 'client')
    assert.deepEqual(
      frame.departures.map(({ place }) => place.kind),
      ['uplink'],
    )
    const stages = new Set(frame.steps.map(({ stage }) => stage))
    for (const stage of ['ingress', 'bridge', 'source-nat', 'egress']) assert.ok(stages.has(stage), stage)
    assert.ok(frame.steps.every(({ sentence }) => sentence.length > 0))
  })
})
