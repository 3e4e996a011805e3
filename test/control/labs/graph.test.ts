import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { parseLab } from '../../../src/control/lab-file.ts'
import { labDot } from '../../../src/control/labs/graph/dot.ts'
import { layOut } from '../../../src/control/labs/graph/layout.ts'
import { labMermaid } from '../../../src/control/labs/graph/mermaid.ts'
import { type GraphSandbox, type Panel, panelsOf } from '../../../src/control/labs/graph/plan.ts'
import { labSvg } from '../../../src/control/labs/graph/svg.ts'

const THREE_TIERS = `
networks: { front: , back: { internal: true } }
sandboxes:
  client: { networks: [front] }
  app: { networks: [front, back], command: 'echo "a<b" & id' }
  db: { networks: [back] }
hosts:
  left: { networks: { web: }, sandboxes: { alice: { networks: [web] } } }
  right:
links: [{ between: [left, right] }]
`

const lab = parseLab(THREE_TIERS, 'tiers.yaml', '/')

describe('the drawing of a lab', () => {
  it('is a graph for Graphviz', () => {
    assert.equal(
      labDot(lab),
      String.raw`graph "tiers" {
  node [fontname="sans-serif", fontsize=11]
  edge [fontname="sans-serif", fontsize=9]
  "/network/front" [shape=box, style="rounded,filled", fillcolor="#dde7f5", label="front\n10.1.0.0/24"]
  "/network/back" [shape=box, style="rounded,filled", fillcolor="#dde7f5", label="back\n10.1.1.0/24\ninternal"]
  "/network/left-right" [shape=box, style="rounded,filled", fillcolor="#dde7f5", label="left-right\n10.0.0.0/24"]
  "/sandbox/client" [shape=box, label="client"]
  "/sandbox/app" [shape=box, label="app\necho \"a<b\" & id"]
  "/sandbox/db" [shape=box, label="db"]
  "/sandbox/left" [shape=box3d, label="left\nhost of 1 network, 1 sandbox"]
  "/sandbox/right" [shape=box3d, label="right\nhost of 0 networks, 0 sandboxes"]
  "/sandbox/client" -- "/network/front" [label="eth0\n10.1.0.2"]
  "/sandbox/app" -- "/network/front" [label="eth0\n10.1.0.3"]
  "/sandbox/app" -- "/network/back" [label="eth1\n10.1.1.2"]
  "/sandbox/db" -- "/network/back" [label="eth0\n10.1.1.3"]
  "/sandbox/left" -- "/network/left-right" [label="eth0\n10.0.0.2"]
  "/sandbox/right" -- "/network/left-right" [label="eth0\n10.0.0.3"]
  subgraph cluster_1 {
    label="inside left"
    "left/network/web" [shape=box, style="rounded,filled", fillcolor="#dde7f5", label="web\n10.1.2.0/24"]
    "left/sandbox/alice" [shape=box, label="alice"]
    "left/sandbox/alice" -- "left/network/web" [label="eth0\n10.1.2.2"]
  }
}
`,
    )
  })

  it('is a flowchart for Mermaid', () => {
    assert.equal(
      labMermaid(lab),
      `flowchart TB
  n0_0(["<b>front</b><br>10.1.0.0/24"])
  n0_1(["<b>back</b><br>10.1.1.0/24<br>internal"])
  n0_2(["<b>left-right</b><br>10.0.0.0/24"])
  s0_0["client"]
  s0_1["app<br>echo #34;a#60;b#34; #38; id"]
  s0_2["db"]
  s0_3[["left<br>host of 1 network#44; 1 sandbox"]]
  s0_4[["right<br>host of 0 networks#44; 0 sandboxes"]]
  s0_0 ---|"eth0<br>10.1.0.2"| n0_0
  s0_1 ---|"eth0<br>10.1.0.3"| n0_0
  s0_1 ---|"eth1<br>10.1.1.2"| n0_1
  s0_2 ---|"eth0<br>10.1.1.3"| n0_1
  s0_3 ---|"eth0<br>10.0.0.2"| n0_2
  s0_4 ---|"eth0<br>10.0.0.3"| n0_2
  subgraph p1["inside left"]
    n1_0(["<b>web</b><br>10.1.2.0/24"])
    s1_0["alice"]
    s1_0 ---|"eth0<br>10.1.2.2"| n1_0
  end
`,
    )
  })

  it('is an SVG with all names and addresses, whose text is text', () => {
    const svg = labSvg(lab)
    const texts = [...svg.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(([, text = '']) =>
      text.replaceAll(/<[^>]*>/g, ''),
    )
    for (const wanted of [
      'tiers',
      'front  10.1.0.0/24',
      'back  10.1.1.0/24, internal',
      'client',
      'eth1 10.1.1.2',
      'echo "a&lt;b" &amp; id',
      'inside left',
    ]) {
      assert.ok(texts.includes(wanted), `${wanted} in ${texts.join(' | ')}`)
    }
    assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="\d+" height="\d+" /)
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/)
    assert.equal(labSvg(parseLab(THREE_TIERS, 'tiers.yaml', '/')), svg, 'the same again')
  })

  it('puts a sandbox of two networks between them', () => {
    const [part] = layOut(panelsOf(lab)[0]!, () => 1)
    const rows = Object.fromEntries(part!.boxes.map((box) => [box.sandbox.name, box.row]))
    assert.deepEqual(rows, { app: 0, client: 0, db: 1 })
    assert.deepEqual(
      part!.bars.map((bar) => [bar.network.name, bar.row]),
      [
        ['front', 0],
        ['back', 1],
      ],
    )
  })
})

const panel: fc.Arbitrary<Panel> = fc
  .record({
    networks: fc.integer({ min: 1, max: 7 }),
    sandboxes: fc.array(fc.uniqueArray(fc.nat({ max: 6 }), { maxLength: 4 }), { maxLength: 40 }),
  })
  .map(({ networks, sandboxes }) => ({
    host: '',
    networks: Array.from({ length: networks }, (_, index) => ({ name: `n${index}`, notes: [] })),
    sandboxes: sandboxes.map((on, index): GraphSandbox => {
      const own = [...new Set(on.map((one) => one % networks))]
      return {
        name: `s${index}`,
        kind: 'sandbox',
        note: '',
        edges: own.map((one, number) => ({ network: `n${one}`, interface: `eth${number}`, addresses: [] })),
      }
    }),
  }))

describe('a layout', () => {
  it('shows all, lets no boxes overlap, and no line cross a box or run along another one', () => {
    fc.assert(
      fc.property(panel, fc.integer({ min: 1, max: 3 }), (one, widest) => {
        const widthOf = ({ name }: GraphSandbox): number => 1 + (Number(name.slice(1)) % widest)
        const parts = layOut(one, widthOf)
        assert.deepEqual(
          parts.flatMap(({ boxes }) => boxes.map((box) => box.sandbox.name)).toSorted(),
          one.sandboxes.map(({ name }) => name).toSorted(),
        )
        assert.deepEqual(
          new Set(parts.flatMap(({ bars }) => bars.map((bar) => bar.network.name))),
          new Set(one.networks.map(({ name }) => name)),
        )
        assert.equal(
          parts.reduce((sum, { lines }) => sum + lines.length, 0),
          one.sandboxes.reduce((sum, { edges }) => sum + edges.length, 0),
        )
        for (const { boxes, lines, bars, columns, rows } of parts) {
          const cells = new Set<string>()
          const take = (cell: string): void => {
            assert.ok(!cells.has(cell), `two things at ${cell}`)
            cells.add(cell)
          }
          for (const box of boxes) {
            assert.ok(box.row < rows && box.column + box.width <= columns)
            for (let column = box.column; column < box.column + box.width; column++)
              take(`${box.row}/${column}`)
          }
          for (const { edge, column, fromRow, toRow } of lines) {
            for (let row = fromRow + 1; row < toRow; row++) take(`${row}/${column}`)
            // It ends at a bar of its network, and begins at its own box.
            assert.ok(
              bars.some(
                (bar) =>
                  bar.network.name === edge.network &&
                  bar.row === toRow &&
                  bar.from <= column &&
                  column <= bar.to,
              ),
            )
            assert.ok(
              boxes.some(
                (box) =>
                  box.sandbox.edges.includes(edge) &&
                  box.row === fromRow &&
                  box.column <= column &&
                  column < box.column + box.width,
              ),
            )
          }
        }
      }),
      { numRuns: 300 },
    )
  })
})
