/** No table keeps a number as a double, whatever its sizes came as: code that is not optimized would allocate one at each reading. */

import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { it } from 'node:test'
import { getHeapSnapshot } from 'node:v8'
import { ConnectionTable } from '../../src/tables/connection-table.ts'
import { FragmentTable } from '../../src/tables/fragment-table.ts'
import { FramePen } from '../../src/tables/frame-pen.ts'
import { MacTable } from '../../src/tables/mac-table.ts'
import { NameTable } from '../../src/tables/name-table.ts'
import { NeighbourTable } from '../../src/tables/neighbour-table.ts'

const boxed = (value: number): { readonly value: number } => ({ value })
/** From here on V8 keeps what this makes as a double, whole numbers too. */
boxed(0.5)

interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly node_types: readonly [readonly string[]]
      readonly edge_fields: readonly string[]
    }
  }
  readonly nodes: readonly number[]
  readonly edges: readonly number[]
  readonly strings: readonly string[]
}

/** `Class.field` of each field of an object that has a number in it: what V8 keeps as a double, and small integers. */
async function numberFields(): Promise<{ doubles: Set<string>; integers: Set<string> }> {
  const options = { exposeNumericValues: true } as unknown as undefined
  // The types of Node 20 do not know the parameter.
  const snapshot = JSON.parse(
    await text((getHeapSnapshot as (o: unknown) => NodeJS.ReadableStream)(options)),
  ) as Snapshot
  const { nodes, edges, strings } = snapshot
  const { node_fields: nodeFields, edge_fields: edgeFields } = snapshot.snapshot.meta
  const [name, edgeCount] = [nodeFields.indexOf('name'), nodeFields.indexOf('edge_count')]
  const [edgeName, target] = [edgeFields.indexOf('name_or_index'), edgeFields.indexOf('to_node')]
  const doubles = new Set<string>()
  const integers = new Set<string>()
  let edge = 0
  for (let node = 0; node < nodes.length; node += nodeFields.length) {
    for (
      const end = edge + nodes[node + edgeCount]! * edgeFields.length;
      edge < end;
      edge += edgeFields.length
    ) {
      const kind = strings[nodes[edges[edge + target]! + name]!]
      const field = `${strings[nodes[node + name]!]}.${strings[edges[edge + edgeName]!]}`
      if (kind === 'heap number') doubles.add(field)
      else if (kind === 'smi number') integers.add(field)
    }
  }
  return { doubles, integers }
}

it('no table keeps a size as a double', async () => {
  const size = (value: number): number => boxed(value).value
  const tables = [
    new ConnectionTable({ capacity: size(512), owners: size(8), connectionsPerOwner: size(128), seed: 1 }),
    new FragmentTable({ capacity: size(64), owners: size(8), perOwner: size(16), seed: 1 }),
    new FramePen({
      slotCount: size(6),
      slotSize: size(64),
      lists: size(4),
      perList: size(3),
      owners: size(3),
      perOwner: size(4),
    }),
    new MacTable({
      capacity: size(64),
      ports: size(8),
      stationsPerPort: size(16),
      ageingS: size(300),
      seed: 1,
    }),
    new NameTable({ hosts: size(8), names: size(8), nameBytes: size(256), services: size(8), seed: 1 }),
    new NeighbourTable({ capacity: size(64), domains: size(4), perDomain: size(16), seed: 1 }),
  ]
  const { doubles, integers } = await numberFields()
  const classes = [
    ...tables.map((table) => table.constructor.name),
    'LinkedLists',
    'TimerWheel',
    'PortRanking',
  ]
  const ofTables = (fields: Set<string>): string[] =>
    [...fields].filter((field) => classes.some((name) => field.startsWith(`${name}.`)))
  assert.ok(ofTables(integers).includes('TimerWheel.present'), 'the snapshot shows what fields have')
  assert.ok(doubles.has('Object.value'), 'the sizes were doubles')
  assert.deepEqual(ofTables(doubles), [])
})
