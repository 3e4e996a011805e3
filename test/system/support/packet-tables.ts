/** What tshark counts in recordings: by filter, a table of the protocols that the packets are of. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { BAD_CHECKSUM, CHECK_CHECKSUMS } from '../../support/tshark-checksums.ts'
import { run } from './program.ts'
import { newFolder } from './scene.ts'

/** Options of tshark, which then prints a table for each of the display filters, behind all else. */
export const tableOptions = (filters: readonly string[]): string[] =>
  filters.flatMap((filter) => ['-z', `io,phs,${filter}`])

/** The tables that it has printed, by filter, and what it has printed before them. */
export function readTables(output: string): { tables: ReadonlyMap<string, string>; before: string } {
  const [before = '', ...tables] = output.split(/^=+\nProtocol Hierarchy Statistics\n/m)
  return { before, tables: new Map(tables.map((table) => [/^Filter: (.*)$/m.exec(table)?.[1] ?? '', table])) }
}

export const assertNoPackets = (table: string | undefined, message?: string): void =>
  assert.doesNotMatch(table ?? assert.fail(message), /frames:/, message)

export interface CheckedFile {
  /** Where and when it was recorded. */
  readonly what: string
  readonly file: string
  /** A display filter for those packets whose checksums are all to be there: every one unless told. */
  readonly filter?: string
  /** There are to be packets of each. */
  readonly protocols: readonly string[]
}

/** tshark, which reads all files at once, finds no wrong checksum in any of them. `options` are more of its own. */
export async function assertChecksums(
  files: readonly CheckedFile[],
  ...options: readonly string[]
): Promise<void> {
  const all = join(newFolder(), 'all.pcapng')
  // One behind the other, and each an interface of its own.
  await run({}, 'mergecap', '-a', '-I', 'none', '-w', all, ...files.map(({ file }) => file))
  const filters = files.map(({ filter = 'frame' }, index) => {
    const own = `frame.interface_id == ${index} && (${filter})`
    return { own, bad: `${own} && (${BAD_CHECKSUM})` }
  })
  const wanted = tableOptions(filters.flatMap(({ own, bad }) => [own, bad]))
  const output = await run({}, 'tshark', '-n', '-r', all, ...CHECK_CHECKSUMS, ...options, '-q', ...wanted)
  const { tables } = readTables(output)
  for (const [index, { what, protocols }] of files.entries()) {
    const { own, bad } = filters[index]!
    assertNoPackets(tables.get(bad), `${what}: ${output}`)
    for (const protocol of protocols) {
      assert.match(tables.get(own)!, new RegExp(`\\b${protocol}\\b.*frames:`), what)
    }
  }
}
