/** tapwire dissect and files that were made to harm: they take no more memory than others, and do not steer the terminal. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { PcapngWriter } from '../../src/inspect/pcap/pcapng-writer.ts'
import { CAPTURE_BLOCK_MAX, CAPTURE_INTERFACES_MAX, HEX_DUMP_MAX } from '../../src/limits.ts'
import { CliHarness } from './cli-harness.ts'

const harness = new CliHarness()
after(() => harness.remove())

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
/** What a file of any size may take: docs/captures.md. */
const MEMORY_MAX = 200e6
/** Tells the most memory that the process had. */
const TELL_MEMORY =
  'data:text/javascript,process.on("exit",()=>process.stderr.write("maxRSS "+process.resourceUsage().maxRSS))'

const block = (type: number, ...body: readonly Uint8Array[]): Buffer => {
  const length = 12 + body.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([words(type, length), ...body, words(length)])
}

function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  for (const [index, value] of values.entries()) bytes.writeUInt32LE(value, 4 * index)
  return bytes
}

/** An option, or a record of names, which look the same. */
function option(code: number, value: Uint8Array): Buffer {
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4)
  bytes.writeUInt16LE(code, 0)
  bytes.writeUInt16LE(value.length, 2)
  bytes.set(value, 4)
  return bytes
}

const repeated = (bytes: Uint8Array, size: number): Buffer =>
  Buffer.alloc(Math.floor(size / bytes.length) * bytes.length, bytes)

const FRAME = Buffer.from(
  '0242ac120003 0242ac120002 0800 4500001f00074000 4011e29dac120002 ac120003 9c400009000b0000 616263 000000'.replaceAll(
    ' ',
    '',
  ),
  'hex',
)
const SECTION = block(0x0a0d0d0a, words(0x1a2b3c4d, 1, 0xffffffff, 0xffffffff))
const INTERFACE = block(1, words(1, 0))
const packet = (bytes: Uint8Array = FRAME, options: Uint8Array = Buffer.alloc(0)): Buffer =>
  block(6, words(0, 0, 0, bytes.length, bytes.length), bytes, options)
/** What fits into the largest block beside its headers. */
const ROOM = CAPTURE_BLOCK_MAX - 256

describe('tapwire dissect takes little memory', () => {
  const LONG_NAME = Buffer.from(`\0\0\0\0${'a'.repeat(65_000)}\0`, 'latin1')

  function* longNames(): Generator<Buffer> {
    for (let address = 0; address < 4000; address++) {
      LONG_NAME.writeUInt32BE(address, 0)
      yield block(4, option(1, LONG_NAME), words(0))
    }
  }

  function* interfaces(): Generator<Buffer> {
    yield block(1, words(1, 0), option(2, Buffer.alloc(60_000, 'i')))
    for (let count = 1; count < CAPTURE_INTERFACES_MAX; count++) yield INTERFACE
    for (let id = 0; id < 4000; id++) yield block(5, words(id, 0, 0), option(1, Buffer.alloc(65_000, 'c')))
  }

  const files: readonly [what: string, args: readonly string[], blocks: () => Iterable<Buffer>][] = [
    ['comments', [], () => [INTERFACE, packet(FRAME, repeated(option(1, Buffer.from('ab')), ROOM))]],
    ['comments', ['--tree'], () => [INTERFACE, packet(FRAME, repeated(option(1, Buffer.from('ab')), ROOM))]],
    [
      'comments of an interface',
      [],
      () => [block(1, words(1, 0), repeated(option(1, Buffer.from('abcd')), ROOM))],
    ],
    ['long names', [], longNames],
    ['interfaces and statistics', ['--summary'], interfaces],
    ['bytes', ['--hex'], () => [INTERFACE, packet(Buffer.alloc(ROOM, FRAME))]],
  ]
  for (const [what, args, blocks] of files) {
    it(`for a file with very many ${what} ${args.join('')}`, () => {
      const path = join(harness.folder, 'large.pcapng')
      const file = openSync(path, 'w')
      writeSync(file, SECTION)
      for (const bytes of blocks()) writeSync(file, bytes)
      closeSync(file)
      const { status, stderr } = spawnSync(
        process.execPath,
        ['--import', TELL_MEMORY, MAIN, 'dissect', path, ...args],
        {
          stdio: ['ignore', 'ignore', 'pipe'],
          encoding: 'utf8',
        },
      )
      const memory = 1024 * Number(/^maxRSS (\d+)$/.exec(stderr)?.[1])
      assert.equal(status, 0, stderr)
      assert.ok(memory < MEMORY_MAX, `${Math.round(memory / 1e6)} MB`)
    })
  }
})

describe('tapwire dissect does not hand on what steers a terminal', () => {
  const EVIL = '\u001b]0;x\u0007\u001b[31m\u009b31m\u202eabc\u2028\u2066\r\nz'
  const STEERS = /[\p{Bidi_Control}\p{Zl}\p{Zp}]|(?!\n)\p{Cc}/u

  const file = (name: string): string => {
    const path = join(harness.folder, name)
    const pieces: Uint8Array[] = []
    const writer = new PcapngWriter((bytes) => pieces.push(bytes), {
      application: EVIL,
      os: EVIL,
      comment: EVIL,
    })
    for (const description of [EVIL, '']) writer.addInterface({ name: EVIL, description, filter: EVIL })
    writer.names([{ address: '172.18.0.2', names: [EVIL] }])
    writer.packet(0, 0, 0, FRAME, 0, FRAME.length, FRAME.length, { comments: [EVIL] })
    const escapes = Buffer.concat([FRAME.subarray(0, 42), Buffer.from(EVIL)])
    writer.packet(1, 0, 0, escapes, 0, escapes.length, escapes.length, {})
    writer.flush()
    writeFileSync(path, Buffer.concat(pieces))
    return path
  }

  for (const args of [
    [],
    ['--hex'],
    ['--tree'],
    ['--tree', '--hex'],
    ['--json'],
    ['--summary'],
    ['--summary', '--json'],
  ]) {
    it(`from a file ${args.join(' ')}`, async () => {
      const { code, out, err } = await harness.tapwire(['dissect', file('evil.pcapng'), ...args])
      assert.deepEqual([code, err], [0, ''])
      assert.doesNotMatch(out, STEERS)
    })
  }

  it("from a file's name, or from a filter", async () => {
    const path = join(harness.folder, `${EVIL.replaceAll(/[\r\n]/g, '')}.pcap`)
    const missing = await harness.tapwire(['dissect', path])
    assert.equal(missing.code, 1)
    assert.match(missing.err, /\\x1b\]0;x.*\\u\{202e\}.*no such file/)
    assert.doesNotMatch(missing.err, STEERS)
    const { code, err } = await harness.tapwire(['dissect', file('evil.pcapng'), '--filter', `host ${EVIL}`])
    assert.equal(code, 1)
    assert.doesNotMatch(err, STEERS)
  })
})

describe('the bytes of a packet', () => {
  it('are shown up to a limit', async () => {
    const path = join(harness.folder, 'giant.pcapng')
    writeFileSync(path, Buffer.concat([SECTION, INTERFACE, packet(Buffer.alloc(HEX_DUMP_MAX + 32, FRAME))]))
    const { out } = await harness.tapwire(['dissect', path, '--tree', '--hex'])
    assert.match(out, /\n3fff0 {2}[^\n]*\n… 32 bytes more\n\n$/)
  })
})
