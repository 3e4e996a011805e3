import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseLab } from '../../src/control/lab-file.ts'
import { SimulatedLab } from '../../src/simulation/simulated-lab.ts'

const LAB = `networks:
  wide:
    driver: vxlan
    subnet: 10.9.0.0/24
    options: { vni: 42, remote: [192.0.2.2, '192.0.2.3'], local: 192.0.2.1 }
sandboxes:
  red: { networks: [wide] }
`

/** To everybody, of an EtherType that nobody has (IEEE 802: for experiments). */
const SHOUT = Buffer.from(`ffffffffffff 02420a090002 88b5 ${'00'.repeat(46)}`.replaceAll(' ', ''), 'hex')

describe('a simulated lab with a network that goes on to other hosts', () => {
  it('sends what is for everybody to each of them', async () => {
    const { control } = await SimulatedLab.start(parseLab(LAB, 'x.yaml'), { uplink: 'none' })
    const sent = async (): Promise<number[]> =>
      (await control.overlayPeers('wide')).peers.map(({ transmitted }) => transmitted.frames)
    const before = await sent()
    const { drops } = await control.sendFrames('wide', {
      frames: [{ from: 'red', data: SHOUT.toString('base64') }],
    })
    assert.deepEqual(drops, [])
    assert.deepEqual(
      await sent(),
      before.map((frames) => frames + 1),
    )
    assert.deepEqual(control.inspectNetwork('wide').Peers, [
      { Name: '192.0.2.2', IP: '192.0.2.2' },
      { Name: '192.0.2.3', IP: '192.0.2.3' },
    ])
    assert.equal(control.inspectNetwork('wide').Status?.Tunnel?.MTU, 1450)
  })
})
