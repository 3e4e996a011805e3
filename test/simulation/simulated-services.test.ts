/** Services of lab files, in a lab without a machine: of one daemon, and of a host of a cluster. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseLab } from '../../src/control/lab-file.ts'
import { SimulatedLab } from '../../src/simulation/simulated-lab.ts'
import { exampleLab, SimulatedScene } from '../support/simulated-scene.ts'

const LAB = `networks: { web: { subnet: 10.1.0.0/24 } }
sandboxes:
  alice: { networks: [web] }
  bob: { networks: [web], labels: { app: shop } }
services: { shop: { replicas_of: app=shop } }
`

const shown = ({ control }: SimulatedLab): string[] =>
  control
    .listServices({})
    .map(({ Name, VirtualIP, Tasks }) => `${Name} ${VirtualIP}: ${Tasks.map((task) => task.Name).join(' ')}`)

describe('a simulated lab with services', () => {
  it('leads what is sent to one to its sandbox', async () => {
    const lab = await SimulatedLab.start(parseLab(LAB, 'x.yaml'), { answersArp: true })
    assert.deepEqual(shown(lab), ['shop 10.1.0.254/24: bob'])
    const scene = new SimulatedScene(lab)
    const [, , packet] = scene.send('alice', 'tcp 10.1.0.2:4000>10.1.0.254:80 syn')
    assert.equal(packet, 'bob: tcp 10.1.0.2:4000>10.1.0.3:80 syn from=10.1.0.1')
  })

  it('has those of a cluster that no other host serves, and names those that are left out', async () => {
    const overlay = exampleLab('overlay')
    const lab = await SimulatedLab.start(overlay, { host: 'one' })
    assert.deepEqual(shown(lab), [])
    assert.deepEqual(lab.warnings, [
      'service hello is not simulated: sandboxes of other hosts serve, and which of them gets a flow is not known here',
    ])
    const [one, two] = overlay.hosts
    const alone = { ...overlay, hosts: [one!, two!] }
    const simulated = await SimulatedLab.start(alone, { host: 'two' })
    assert.deepEqual([shown(simulated), simulated.warnings], [['hello 10.1.0.254/24: bob'], []])
  })
})
