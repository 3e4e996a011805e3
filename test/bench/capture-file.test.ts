import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { writeCaptureFile } from '../../bench/support/capture-file.ts'
import { readCapture } from '../support/capture-contents.ts'
import { needs } from '../support/requirements.ts'

const folder = mkdtempSync(join(tmpdir(), 'tapwire-capture-'))
after(() => rmSync(folder, { recursive: true }))

const made = (name: string, seed: number, format: 'pcap' | 'pcapng'): { path: string; packets: number } => {
  const path = join(folder, name)
  return { path, packets: writeCaptureFile(path, { size: 1_000_000, seed, format }) }
}

describe('a capture for benchmarks', () => {
  it('is the same for the same seed, and in both formats', () => {
    const first = made('first', 7, 'pcap')
    const again = made('again', 7, 'pcap')
    const other = made('other', 8, 'pcap')
    const pcapng = made('pcapng', 7, 'pcapng')
    assert.deepEqual(readFileSync(first.path), readFileSync(again.path))
    assert.notDeepEqual(readFileSync(first.path), readFileSync(other.path))
    const [a, b] = [first, pcapng].map(({ path }) => readCapture(readFileSync(path)).packets)
    assert.equal(a?.length, first.packets)
    assert.equal(b?.length, pcapng.packets)
    assert.deepEqual(
      a?.slice(0, 1000).map(({ seconds, nanoseconds, bytes }) => ({ seconds, nanoseconds, bytes })),
      b?.slice(0, 1000).map(({ seconds, nanoseconds, bytes }) => ({ seconds, nanoseconds, bytes })),
    )
  })

  it('has the size and the mix that it says, and right checksums', { skip: needs('tcpdump') }, () => {
    const { path, packets } = made('mix', 7, 'pcap')
    const file = readFileSync(path)
    assert.ok(file.length >= 1_000_000 && file.length < 1_300_000)
    assert.ok(file.length / packets > 500 && file.length / packets < 800)
    const { stdout } = spawnSync('tcpdump', ['-n', '-vv', '-r', path], {
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    })
    assert.doesNotMatch(stdout, /incorrect|bad udp cksum|bad cksum|wrong icmp/)
    for (const kind of [
      /Flags \[S\.\]/,
      /GET \/index\.html/,
      / A\? host-/,
      /echo reply/,
      /ARP, .*Reply/,
      /UDP, length 172/,
    ]) {
      assert.match(stdout, kind)
    }
  })
})
