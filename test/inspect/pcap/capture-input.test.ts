import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { CaptureFileError } from '../../../src/inspect/pcap/capture-file-error.ts'
import { type CaptureInput, openCapture } from '../../../src/inspect/pcap/capture-input.ts'
import { ReadResult } from '../../../src/inspect/pcap/capture-reader.ts'
import { PcapngWriter } from '../../../src/inspect/pcap/pcapng-writer.ts'
import { readPcap } from '../../support/pcap.ts'
import { repositoryRoot } from '../../support/repository.ts'

const LAN = join(repositoryRoot, 'test/fixtures/lan.pcap')

const folder = mkdtempSync(join(tmpdir(), 'tapwire-input-'))
after(() => rmSync(folder, { recursive: true }))

/** 3 MB, several reads: packets whose bytes tell their number. */
function largeFile(count: number): string {
  const chunks: Uint8Array[] = []
  const writer = new PcapngWriter((chunk) => chunks.push(chunk))
  const id = writer.addInterface({ name: 'a' })
  const frame = new Uint8Array(1000)
  const view = new DataView(frame.buffer)
  for (let i = 0; i < count; i++) {
    view.setUint32(i % 997, i)
    writer.packet(id, i, 0, frame, i % 997, 4 + (i % 3), 1500)
    writer.packet(id, i, 0, frame, 0, 1000, 1500)
  }
  writer.flush()
  const path = join(folder, 'large.pcapng')
  writeFileSync(path, Buffer.concat(chunks))
  return path
}

/** The numbers that the packets tell, of which there must be all. */
async function numbers(input: CaptureInput, synchronously: boolean): Promise<number[]> {
  const found: number[] = []
  const { reader } = input
  for (;;) {
    const result = reader.next()
    if (result === ReadResult.end) return found
    if (result === ReadResult.packet && reader.packet.capturedLength < 1000) {
      found.push(reader.view.getUint32(reader.packet.offset))
    } else if (result === ReadResult.needMore) {
      if (synchronously) input.fill()
      else await input.fillAsync()
    }
  }
}

describe('an open capture', () => {
  it('reads no more at once behind a large block, whose buffer stays', () => {
    const size = 8_000_000
    const large = Buffer.alloc(size)
    large.writeUInt32LE(0xbad, 0)
    large.writeUInt32LE(size, 4)
    large.writeUInt32LE(size, size - 4)
    const packets = readFileSync(largeFile(2000))
    // Behind the section header, in which stands its length.
    const at = packets.readUInt32LE(4)
    const path = join(folder, 'behind.pcapng')
    writeFileSync(path, Buffer.concat([packets.subarray(0, at), large, packets.subarray(at)]))
    const input = openCapture(path)
    let bytes = 0
    for (let result = input.reader.next(); result !== ReadResult.end; result = input.reader.next()) {
      if (result === ReadResult.packet) bytes += input.reader.packet.capturedLength
      if (result !== ReadResult.needMore) continue
      assert.ok(bytes <= 512 * 1024, `${bytes} bytes of packets at once`)
      bytes = 0
      input.fill()
    }
    input.close()
  })

  for (const synchronously of [true, false]) {
    it(`is read to its end, ${synchronously ? 'waiting' : 'without waiting'}`, async () => {
      const input = openCapture(largeFile(3000))
      const found = await numbers(input, synchronously)
      assert.deepEqual(
        found,
        Array.from({ length: 3000 }, (_, i) => i),
      )
      // Constant memory: one read's worth and a little more.
      assert.ok(input.reader.view.byteLength <= 2 * 1024 * 1024)
      input.close()
      input.close()
      assert.throws(() => input.fill(), { code: 'EBADF' })
    })
  }

  it('that does not exist is the system’s error', () => {
    assert.throws(() => openCapture(join(folder, 'nothing')), { code: 'ENOENT' })
    assert.throws(() => openCapture(folder).fill(), { code: 'EISDIR' })
  })

  it('that is empty says so', () => {
    const input = openCapture('/dev/null')
    assert.equal(input.reader.next(), ReadResult.needMore)
    input.fill()
    assert.throws(() => input.reader.next(), CaptureFileError)
    input.close()
  })
})

describe('the standard input as a capture', () => {
  const module = (name: string): string =>
    JSON.stringify(pathToFileURL(join(repositoryRoot, `dist/src/inspect/pcap/${name}.js`)).href)
  const program = (fill: string, before: string = ''): string => `
    import { openCapture } from ${module('capture-input')}
    import { ReadResult } from ${module('read-result')}
    ${before}
    const input = openCapture('-')
    let count = 0
    for (;;) {
      const result = input.reader.next()
      if (result === ReadResult.needMore) ${fill}
      else if (result === ReadResult.packet) count++
      else if (result === ReadResult.end) break
    }
    input.close()
    console.log(count)`
  const count = readPcap(readFileSync(LAN)).length

  for (const fill of ['input.fill()', 'await input.fillAsync()']) {
    it(`is read: ${fill}`, () => {
      const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program(fill)], {
        input: readFileSync(LAN),
        encoding: 'utf8',
        timeout: 30_000,
      })
      assert.equal(stderr, '')
      assert.equal(stdout, `${count}\n`)
    })

    it(`is waited for where it is non-blocking: ${fill}`, async () => {
      // Looking at process.stdin is what makes a pipe of Node's non-blocking; the bytes come in two parts, the second after the first was counted.
      const source = program(fill, 'process.stdin.pause(); console.log("ready")')
      const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
        stdio: ['pipe', 'pipe', 'inherit'],
      })
      let told = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        told += text
      })
      await once(child.stdout, 'data')
      const file = readFileSync(LAN)
      child.stdin.write(file.subarray(0, 1001))
      setImmediate(() => child.stdin.end(file.subarray(1001)))
      const [code] = await once(child, 'close')
      assert.equal(code, 0)
      assert.equal(told, `ready\n${count}\n`)
    })
  }
})
