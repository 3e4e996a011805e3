/**
 * Simple tabulation hashing of a connection's tuple (Zobrist 1970; Pătraşcu and Thorup, "The Power of Simple
 * Tabulation Hashing", J. ACM 59(3), 2012): each byte of the key looks a random word up in a table of its own, and the
 * hash is the exclusive or of them.
 *
 *     protocol  source          destination     ports
 *     [ . ]     [ . . . . ]     [ . . . . ]     [ . . . . ]     13 tables of 256 words: 13 KB, which a first-level cache holds
 *
 * Whoever opens connections chooses most bits of their tuples. Products of odd secrets would not do for that: the
 * highest bit of a factor comes through each of them whatever the secret is, so tuples that collide under all seeds can
 * be written down. Here any two tuples collide with the odds of chance, and linear probing keeps its constant expected
 * time for every set of tuples that was chosen without knowing the tables.
 */

import { scramble } from './scramble.ts'

const BYTES = 13
const TABLE_BITS = 8
const TABLE = 1 << TABLE_BITS

export class TupleHash {
  private readonly tables = new Int32Array(BYTES * TABLE)

  /** `seed`: a random int32 that nobody outside can know. */
  constructor(seed: number) {
    const key = scramble(seed, 1)
    for (let i = 0; i < this.tables.length; i++) this.tables[i] = scramble(scramble(key, i), seed)
  }

  /** An int32. Addresses and `ports` (source << 16 | destination) are int32. */
  hash(protocol: number, source: number, destination: number, ports: number): number {
    const t = this.tables
    return (
      t[protocol & 0xff]! ^
      t[TABLE + (source & 0xff)]! ^
      t[2 * TABLE + ((source >>> 8) & 0xff)]! ^
      t[3 * TABLE + ((source >>> 16) & 0xff)]! ^
      t[4 * TABLE + (source >>> 24)]! ^
      t[5 * TABLE + (destination & 0xff)]! ^
      t[6 * TABLE + ((destination >>> 8) & 0xff)]! ^
      t[7 * TABLE + ((destination >>> 16) & 0xff)]! ^
      t[8 * TABLE + (destination >>> 24)]! ^
      t[9 * TABLE + (ports & 0xff)]! ^
      t[10 * TABLE + ((ports >>> 8) & 0xff)]! ^
      t[11 * TABLE + ((ports >>> 16) & 0xff)]! ^
      t[12 * TABLE + (ports >>> 24)]!
    )
  }
}
