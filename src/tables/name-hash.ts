import { fold } from '../wire/dns-name.ts'
import { KeyedHash } from './keyed-hash.ts'
import { scramble } from './scramble.ts'

/**
 * The hash of a DNS name, under a secret: whoever does not know the seed cannot choose names that collide.
 *
 * It goes over the wire form (RFC 1035, 3.1) from the left, so whoever hashes a name label by label has the hashes of all names that
 * it begins with on the way:
 *
 *     3 w e b 5 f r o n t
 *            │           └► begin, `3web`, `5front`: the hash of `web.front`
 *            └► begin, `3web`: the hash of `web`
 *
 * Capital letters count as small ones (RFC 4343). A length byte is 63 at most and `A` is 65, so all bytes may be taken alike.
 *
 * Byte by byte, and the high bits brought down after each: words at a time would be faster, but two words of free choice may undo
 * one another's difference far more easily than two bytes.
 */

const { imul } = Math

// Function of this module, on the path of each lookup: V8 folds what a module keeps to itself.
const lowerCase = fold

export class NameHash {
  private readonly beginning: number
  private readonly multiplier: number
  private readonly keys: KeyedHash

  /** `seed`: a random int32 that nobody outside can know. */
  constructor(seed: number) {
    this.beginning = scramble(seed, 6)
    this.multiplier = scramble(seed, 7) | 1
    this.keys = new KeyedHash(seed)
  }

  /** The hash of no label: the root. An int32, as all of them. */
  begin(): number {
    return this.beginning
  }

  /** The hash of a name that has these labels behind those of `hash`: `size` bytes, of length bytes and what follows them. */
  labels(hash: number, bytes: Uint8Array, at: number, size: number): number {
    const multiplier = this.multiplier
    const end = at + size
    let bits = hash
    for (let index = at; index < end; index++) {
      const product = imul(bits ^ lowerCase(bytes[index]!), multiplier)
      bits = product ^ (product >>> 15)
    }
    return bits
  }

  /** The hash of a name's place: the high bits are the good ones. */
  key(hash: number, scope: number): number {
    return this.keys.ofTwo(hash, scope)
  }
}
