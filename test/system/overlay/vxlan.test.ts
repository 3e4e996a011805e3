/** Networks that go on by VXLAN: from daemon to daemon, and to the kernel's own vxlan device. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { OverlayNetworks } from '../../../src/control/api/overlay.ts'
import type { Fdb } from '../../../src/control/api/switch.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { Recording } from '../support/capture.ts'
import { checksumErrors } from '../support/checksum-errors.ts'
import { compile } from '../support/compile.ts'
import { assertChecksums, type CheckedFile } from '../support/packet-tables.ts'
import { run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'
import { TunnelScene, UNDERLAY4, UNDERLAY6 } from '../support/tunnel-scene.ts'
import { until } from '../support/until.ts'

const skip =
  needsTap() ||
  needs('ip', 'ping', 'ethtool', 'tcpdump', 'tshark', 'mergecap', 'cc', 'nsenter', 'setpriv', 'ss')

/** The last datagram is in fragments where those before it are: these have no ports to hash, and are another flow for the tunnel. */
const BYTES = '402000'
const ping = ['ping', '-n', '-i', '0.01', '-W', '45'] as const

/** Of the payload: the smallest, around what passes in one piece by either family, and what is sent in fragments. */
const SIZES = ['0', '1', '18', '1402', '1403', '1422', '1423', '4000', '20000'] as const

/** The kernel's own device, in the namespace of the daemon on the right. */
const KERNEL = '10.10.0.200'
const KERNEL_PORT = 4799

/** What there is of each recording. */
const PROTOCOLS = ['vxlan', 'tcp', 'icmp']

let transfer: string
before(() => {
  transfer = compile('transfer')
})

async function pings(scene: TunnelScene, from: string, address: string): Promise<void> {
  for (const size of SIZES) await scene.on(from, ...ping, '-c', '2', '-M', 'dont', '-s', size, address)
}

/** Bytes, each of them checked: by TCP, in datagrams, in datagrams that are cut up on the way, and in fragments. */
async function send(scene: TunnelScene, from: string, to: string, address: string): Promise<void> {
  const ends = [from, to].map((name) => namespacePath(scene.place(name).namespace!))
  const go = (...args: readonly string[]): Promise<string> =>
    run({}, transfer, ...args, ...ends, address, '7000', BYTES)
  await go('tcp')
  await go('-d', '1300', 'udp')
  await go('-s', '-d', '1272', 'udp')
  await go('-w', '4', '-d', '9000', 'udp')
}

async function mtuOf(scene: TunnelScene, name: string): Promise<number> {
  const [link] = JSON.parse(await scene.on(name, 'ip', '-j', 'link', 'show', 'eth0')) as { mtu: number }[]
  return link!.mtu
}

for (const [family, underlay, io] of [
  ['IPv4', UNDERLAY4, 'io_uring'],
  ['IPv6', UNDERLAY6, 'epoll'],
] as const) {
  describe(`two daemons with a vxlan network, over ${family} and ${io}`, { skip }, () => {
    let scene: TunnelScene
    let red: string
    let blue: string
    let black: string
    /** What has passed where nothing was left to an interface. */
    const recorded: CheckedFile[] = []
    before(async () => {
      scene = await TunnelScene.start(underlay, ['left', 'right'], io)
      await Promise.all([scene.network('left'), scene.network('right')])
      red = await scene.sandbox('left', 'red')
      blue = await scene.sandbox('right', 'blue')
      await scene.network('left', { port: String(KERNEL_PORT) }, 'other')
      scene.kernel(KERNEL, KERNEL_PORT)
      black = await scene.sandbox('left', 'black', {}, 'other')
      await scene.sandbox('left', 'plain', { 'tapwire.offload': 'false' }, 'other')
    })
    after(async () => {
      scene.right.ip('link', 'delete', 'vxlan0')
      await scene.stop()
    })

    it('reach each other with packets of all sizes', async () => {
      await pings(scene, 'red', blue)
      await pings(scene, 'blue', red)
    })

    it('carry bytes as they are, and all checksums are right on the way', async () => {
      // What a cable has: nothing is left to an interface.
      for (const side of ['left', 'right'] as const) {
        await scene.on(side, 'ethtool', '-K', 'eth0', 'tx', 'off', 'gro', 'off')
      }
      const recording = await Recording.start(scene.place('right'))
      await pings(scene, 'red', blue)
      await send(scene, 'red', 'blue', blue)
      await recording.stop()
      recorded.push({ what: 'to a daemon', file: recording.file, protocols: PROTOCOLS })
      await send(scene, 'blue', 'red', red)
      for (const place of ['left', 'right', 'red', 'blue']) {
        assert.deepEqual(await checksumErrors(scene.place(place)), [], place)
      }
    })

    it('tell of each other: in lists of peers and of stations, and where the network is inspected', async () => {
      const peer = (await scene.peers('left')).find(({ network }) => network === 'wide')
      assert.deepEqual([peer!.network, peer!.address, peer!.vni], ['wide', underlay.right, 42])
      assert.ok(
        peer!.idleS! < 60 &&
          peer!.stations === 1 &&
          peer!.received.frames > 0 &&
          peer!.transmitted.frames > 0,
      )
      const { stations } = await scene.daemon('left').call<Fdb>('GET', '/fdb')
      const { MacAddress } = await scene.daemon('right').endpoint('blue', 'wide')
      const there = stations.find(({ mac }) => mac === MacAddress)!
      assert.deepEqual([there.network, there.interface], ['wide', `peer:${underlay.right}`])
      assert.match(await scene.daemon('left').do('overlay', 'peers'), new RegExp(`${underlay.right} +wide`))
      const inspected = JSON.parse(await scene.daemon('left').do('network', 'inspect', 'wide')) as object[]
      const { Peers, Status } = inspected[0] as { Peers: object; Status: { Tunnel: object } }
      assert.deepEqual(Peers, [{ Name: underlay.right, IP: underlay.right }])
      const MTU = family === 'IPv4' ? 1450 : 1430
      assert.deepEqual(Status.Tunnel, {
        VNI: 42,
        Local: underlay.left,
        Port: 4789,
        MTU,
        Up: true,
        Reason: '',
      })
    })

    for (const offload of ['on', 'off'] as const) {
      it(`reach the kernel's own device with offloads ${offload}`, async () => {
        for (const [side, device] of [
          ['left', 'eth0'],
          ['right', 'eth0'],
          ['right', 'vxlan0'],
          ['right', 'br0'],
        ] as const) {
          await scene.on(side, 'ethtool', '-K', device, 'tx', offload, 'gro', offload)
        }
        const recording = offload === 'off' ? await Recording.start(scene.place('right')) : undefined
        // What is left to an interface are checksums and segments, of which echoes have none.
        if (offload === 'off') {
          await pings(scene, 'black', KERNEL)
          await pings(scene, 'right', black)
        }
        await send(scene, 'black', 'right', KERNEL)
        await send(scene, 'right', 'black', black)
        if (offload === 'on') await send(scene, 'plain', 'right', KERNEL)
        if (recording !== undefined) {
          await recording.stop()
          recorded.push({ what: 'to the kernel', file: recording.file, protocols: PROTOCOLS })
        }
        for (const place of ['left', 'right', 'black', 'plain']) {
          assert.deepEqual(await checksumErrors(scene.place(place)), [], place)
        }
      })
    }

    it('send nothing that tshark finds fault with', async () => {
      assert.equal(recorded.length, 2)
      await assertChecksums(recorded, '-d', `udp.port==${KERNEL_PORT},vxlan`)
    })

    it('have interfaces that follow what the way takes', async () => {
      const overhead = family === 'IPv4' ? 50 : 70
      assert.equal(await mtuOf(scene, 'red'), 1500 - overhead)
      for (const mtu of [1400, 1500]) {
        for (const side of ['left', 'right'] as const)
          scene[side].ip('link', 'set', 'eth0', 'mtu', String(mtu))
        for (const name of ['red', 'blue']) {
          await until(`${name} has followed`, async () => (await mtuOf(scene, name)) === mtu - overhead, 100)
        }
        if (mtu === 1400) await send(scene, 'red', 'blue', blue)
        else await pings(scene, 'red', blue)
      }
    })

    // Nothing of these is of a family.
    if (family === 'IPv6') return

    it('do not hear hosts that nobody has named, unless the network learns them', async () => {
      const nobody = { vni: '44', remote: '192.0.2.77' }
      await scene.network('left', nobody, 'learned')
      await scene.network('right', { vni: '44' }, 'learned')
      const north = await scene.sandbox('left', 'north', {}, 'learned')
      await scene.sandbox('right', 'south', {}, 'learned')
      const { code } = await scene.attempt('south', ...ping, '-c', '1', '-W', '1', north)
      assert.equal(code, 1)
      assert.ok((await scene.drops('left'))['peer-unknown']! > 0)
      await scene.daemon('left').do('rm', '-f', 'north')
      await scene.daemon('left').do('network', 'rm', 'learned')
      await scene.network('left', { ...nobody, 'learn-peers': 'true' }, 'learned')
      const again = await scene.sandbox('left', 'north', {}, 'learned')
      await until(
        'it is reached',
        async () => (await scene.attempt('south', ...ping, '-c', '1', again)).code === 0,
      )
      const peers = (await scene.peers('left')).filter(({ network }) => network === 'learned')
      assert.deepEqual(peers.map(({ address }) => address).toSorted(), ['192.0.2.2', '192.0.2.77'])
    })

    it('go on when the address, or the interface that has it, is back', async () => {
      const up = async (): Promise<boolean> => {
        const { networks } = await scene.daemon('left').call<OverlayNetworks>('GET', '/overlay/networks')
        return networks.every(({ problem }) => problem === '')
      }
      scene.left.ip('link', 'set', 'eth0', 'down')
      await until('it is down', async () => !(await up()))
      scene.left.ip('link', 'set', 'eth0', 'up')
      scene.left.ip('address', 'replace', `${underlay.left}/${underlay.prefixLength}`, 'dev', 'eth0')
      await until('it is up', up)
      await until(
        'they reach each other',
        async () => (await scene.attempt('red', ...ping, '-c', '1', blue)).code === 0,
      )
    })

    it('are there again with the next daemon', async () => {
      await scene.daemon('left').kill()
      await scene.daemon('left').again()
      await until(
        'they reach each other',
        async () => (await scene.attempt('blue', ...ping, '-c', '1', red)).code === 0,
      )
    })
  })
}
