/** A network that goes on by VXLAN to Open vSwitch's userspace datapath, which makes outer headers itself. */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { Capture } from '../support/capture.ts'
import { checksumErrors } from '../support/checksum-errors.ts'
import { compile } from '../support/compile.ts'
import { OpenVSwitch, OVS_STATION } from '../support/open-vswitch.ts'
import { run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'
import { TunnelScene, UNDERLAY4, UNDERLAY6, VNI } from '../support/tunnel-scene.ts'
import { until } from '../support/until.ts'

const skip =
  needsTap() || needs('ip', 'ping', 'ethtool', 'cc', 'nsenter', 'setpriv', 'ss', 'tcpdump', 'ovs-vswitchd')

const STATION = '10.9.0.200'
const MTU = { 4: 1450, 6: 1430 } as const
const ping = ['ping', '-n', '-i', '0.01', '-W', '45', '-M', 'dont'] as const
const STREAM = '2000000'

describe('a vxlan network to Open vSwitch', { skip }, () => {
  let transfer: string
  before(() => {
    transfer = compile('transfer')
  })

  for (const [version, underlay] of [
    [4, UNDERLAY4],
    [6, UNDERLAY6],
  ] as const) {
    describe(`over IPv${version}`, () => {
      let scene: TunnelScene
      let ovs: OpenVSwitch
      let red: string
      before(async () => {
        scene = await TunnelScene.start(underlay, ['left'])
        await scene.network('left')
        // It reads through a packet socket, which must not be given unfinished frames, and knows no super-frames.
        const finished = ['tx', 'off', 'gro', 'off'] as const
        for (const side of ['left', 'right']) await scene.on(side, 'ethtool', '-K', 'eth0', ...finished)
        ovs = await OpenVSwitch.start({
          namespace: scene.right.name,
          underlay: 'eth0',
          address: `${underlay.right}/${underlay.prefixLength}`,
          remote: underlay.left,
          networkIdentifier: VNI,
        })
        scene.right.ip('address', 'add', `${STATION}/24`, 'dev', OVS_STATION)
        scene.right.ip('link', 'set', OVS_STATION, 'mtu', String(MTU[version]), 'up')
        await scene.on('right', 'ethtool', '-K', OVS_STATION, 'tx', 'off')
        red = await scene.sandbox('left', 'red')
        // It asks for the other endpoint's hardware address by itself, and loses what it asks for.
        const first = ['-c', '1', '-W', '1', STATION]
        await until('it is reached', async () => (await scene.attempt('red', ...ping, ...first)).code === 0)
      })
      after(async () => {
        await ovs?.stop()
        await scene.stop()
      })

      const send = async (from: string, to: string, address: string, ...args: string[]): Promise<void> => {
        const ends = [from, to].map((name) => namespacePath(scene.place(name).namespace!))
        const bytes = args.pop()!
        await run({}, transfer, ...args, ...ends, address, '7000', bytes)
      }

      /** Datagrams of all sizes around what passes in one piece, and far beyond; few at a time, as its packet socket's buffer holds no more. */
      const sizes = [
        1,
        17,
        18,
        19,
        512,
        MTU[version] - 29,
        MTU[version] - 28,
        MTU[version] - 27,
        4000,
        20_000,
      ]

      // Over IPv6 it sends them in any case.
      for (const csum of version === 4 ? ['false', 'true'] : ['true']) {
        it(`carries bytes both ways, with outer checksums: ${csum}`, async () => {
          await ovs.tunnel(`csum=${csum}`)
          const checksum = version === 4 ? 'udp[6:2]' : 'ip6[46:2]'
          const filter = `udp port 4789 and ${checksum} ${csum === 'true' ? '!=' : '=='} 0`
          const capture = await Capture.start(scene.place('left'), 'eth0', filter)
          await scene.on('red', ...ping, '-c', '2', STATION)
          await capture.has('VXLAN.*vni 42')
          await capture.stop()
          for (const [from, to, address] of [
            ['red', 'right', STATION],
            ['right', 'red', red],
          ] as const) {
            for (const size of ['0', '18', String(MTU[version] - 28), String(MTU[version] - 27), '9000'])
              await scene.on(from, ...ping, '-c', '2', '-s', size, address)
            await send(from, to, address, 'tcp', STREAM)
            for (const size of sizes)
              await send(
                from,
                to,
                address,
                '-w',
                size > 4000 ? '2' : '8',
                '-d',
                String(size),
                'udp',
                String(size * 20),
              )
          }
          for (const place of ['left', 'right', 'red']) {
            assert.deepEqual(await checksumErrors(scene.place(place)), [], place)
          }
        })
      }
    })
  }
})
