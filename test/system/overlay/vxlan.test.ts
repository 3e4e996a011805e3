/** Networks that go on by VXLAN: from daemon to daemon, and to the kernel's own vxlan device. */

import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../../support/requirements.ts'
import { compile } from '../support/compile.ts'
import { run } from '../support/program.ts'
import { namespacePath } from '../support/scene.ts'
import { TunnelScene, UNDERLAY4, UNDERLAY6 } from '../support/tunnel-scene.ts'

const skip =
  needsTap() || needs('ip', 'ping', 'ethtool', 'tcpdump', 'tshark', 'cc', 'nsenter', 'setpriv', 'ss')

const BYTES = '3000000'
const ping = ['ping', '-n', '-i', '0.01', '-W', '5'] as const

/** Every size there is to fall over: the smallest, around what passes in one piece, and what must be fragmented. */
const SIZES = ['0', '1', '18', '1372', '1373', '1400', '1422', '1423', '4000', '20000'] as const

let transfer: string

/** Bytes there and back, each of them checked. */
async function send(scene: TunnelScene, from: string, to: string, address: string): Promise<void> {
  const ends = [from, to].map((name) => namespacePath(scene.place(name).namespace!))
  const go = (...args: readonly string[]): Promise<string> =>
    run({}, transfer, ...args, ...ends, address, '7000', BYTES)
  await go('tcp')
  await go('-d', '1400', 'udp')
  await go('-s', '-d', '1372', 'udp')
  await go('-w', '4', '-d', '9000', 'udp')
}

for (const [name, underlay] of [
  ['IPv4', UNDERLAY4],
  ['IPv6', UNDERLAY6],
] as const) {
  describe(`two daemons with a vxlan network, over ${name}`, { skip }, () => {
    let scene: TunnelScene
    let red: string
    let blue: string
    before(async () => {
      transfer = compile('transfer')
      scene = await TunnelScene.start(underlay)
      await Promise.all([scene.network('left'), scene.network('right')])
      red = await scene.sandbox('left', 'red')
      blue = await scene.sandbox('right', 'blue')
    })
    after(() => scene.stop())

    it('reach each other with packets of all sizes', async () => {
      for (const size of SIZES) await scene.on('red', ...ping, '-c', '2', '-M', 'dont', '-s', size, blue)
      await scene.on('blue', ...ping, '-c', '2', red)
    })

    it('carry bytes as they are', async () => {
      await send(scene, 'red', 'blue', blue)
      await send(scene, 'blue', 'red', red)
    })
  })
}
