import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { dissect } from '../../../src/inspect/dissect/dissect.ts'
import { dissectionJson } from '../../../src/inspect/dissect/dissection-json.ts'
import { hexDump, treeText } from '../../../src/inspect/dissect/tree-text.ts'
import { hex } from '../../support/wire-bytes.ts'

const FRAME = hex(
  '0242ac120003 0242ac120002 0800 4500001f00074000 4011e29cac120002 ac120003 9c400009000b4702 616263',
)

describe('the text of a tree', () => {
  it('is indented by layer and field, with what is wrong', () => {
    const lines = treeText(dissect(FRAME)).split('\n')
    assert.equal(lines[0], 'Ethernet, 02:42:ac:12:00:02 → 02:42:ac:12:00:03')
    assert.equal(lines[1], '  Destination: 02:42:ac:12:00:03')
    assert.equal(lines[2], '    Locally administered: set')
    assert.ok(lines.includes('  Header checksum: 0xe29c -- wrong, it should be 0xe29d'))
    assert.deepEqual(lines.slice(-2), ['Data, 3 bytes', '  Data: 61:62:63'])
  })

  it('has names and bytes where they are asked for', () => {
    const lines = treeText(dissect(FRAME), { names: true }).split('\n')
    assert.deepEqual(lines.slice(-2), ['Data, 3 bytes  [data 42+3]', '  Data: 61:62:63  [data.data 42+3]'])
  })
})

describe('the dump of bytes', () => {
  it('has rows of 16, with their characters', () => {
    assert.equal(
      hexDump(FRAME),
      [
        '0000  02 42 ac 12 00 03 02 42  ac 12 00 02 08 00 45 00  .B.....B......E.',
        '0010  00 1f 00 07 40 00 40 11  e2 9c ac 12 00 02 ac 12  ....@.@.........',
        '0020  00 03 9c 40 00 09 00 0b  47 02 61 62 63           ...@....G.abc',
      ].join('\n'),
    )
  })

  it('is of the bytes that are meant', () => {
    assert.equal(hexDump(FRAME, 42, 3), `0000  61 62 63${' '.repeat(40)}  abc`)
    assert.equal(hexDump(FRAME, 0, 0), '')
  })
})

describe('the JSON of a dissection', () => {
  it('has what there is and nothing else', () => {
    const json = dissectionJson(dissect(FRAME))
    assert.deepEqual(json.layers[3], {
      protocol: 'data',
      title: 'Data, 3 bytes',
      offset: 42,
      length: 3,
      depth: 0,
      fields: [
        { name: 'data.data', label: 'Data', value: '61:62:63', text: '61:62:63', offset: 42, length: 3 },
      ],
    })
    const checksum = json.layers[1]!.fields.find(({ name }) => name === 'ip.checksum')!
    assert.equal(checksum.problem, 'wrong, it should be 0xe29d')
    assert.equal(json.layers[0]!.fields[0]!.fields![0]!.mask, 0x020000)
    assert.deepEqual(JSON.parse(JSON.stringify(json)), json)
  })
})
