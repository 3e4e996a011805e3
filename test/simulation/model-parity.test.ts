/** The model of a simulated lab against that of a daemon on a machine in memory: what `inspect` and `dns ls` show of the same lab. */

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ControlPlane } from '../../src/control/control-plane.ts'
import type { Lab } from '../../src/control/lab.ts'
import { SimulatedLab } from '../../src/simulation/simulated-lab.ts'
import { LabBench, StepList } from '../control/labs/lab-bench.ts'
import { exampleLab } from '../support/simulated-scene.ts'

/** Ids are random, and process numbers and times are the machine's. */
const RANDOM = /\b[0-9a-f]{12}(?:[0-9a-f]{52})?\b/g
const TIMES_AND_PROCESSES = /"(?:Created|StartedAt|FinishedAt|Pid|LogPath|\w+Path|port)":(?:"[^"]*"|\d+)/g

function modelOf(control: ControlPlane, lab: Lab): string[] {
  const shown = [
    ...control.listNetworks({}).toSorted((a, b) => (a.Name < b.Name ? -1 : 1)),
    ...lab.sandboxes.map(({ name }) => control.inspectSandbox(name)),
    ...control.dnsRecords(undefined).records,
  ]
  return shown.map((value) =>
    JSON.stringify(value).replaceAll(TIMES_AND_PROCESSES, '"?":0').replaceAll(RANDOM, 'ID'),
  )
}

describe('the model of a simulated lab', () => {
  for (const name of ['demo', 'names', 'published', 'routed', 'three-tier', 'two-networks', 'no-offload']) {
    it(`of examples/${name}.yaml is that of a daemon`, async () => {
      const lab = exampleLab(name)
      const bench = await LabBench.start()
      await bench.labs.up(lab, new StepList())
      const simulated = await SimulatedLab.start(lab, { uplink: 'none' })
      assert.deepEqual(modelOf(simulated.control, lab), modelOf(bench.daemon.controller, lab))
    })
  }
})
