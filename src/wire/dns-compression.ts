/**
 * Compression of names (RFC 1035, 4.1.4): which labels a message that is being written has already, so that a name that ends like
 * another ends with a pointer to it. Only names that are spelled alike share their ends, so that none changes its case.
 *
 *     12 | 3 | w e b | 5 | f r o n t | 0 |     labels: 12, 16
 *     40 | 3 | a p i | 11, 16 |                `api.front`: suffixAt 4 (of 11 bytes), suffixOffset 16; labels: 12, 16, 40
 */

/** Labels that are known at once: those of a question of any length, and of some more names. What is beyond is just not found. */
const LABELS_MAX = 192

const POINTER_FLAG = 0xc0
const POINTER_MASK = 0x3fff

export class NameCompression {
  /** What `findSuffix` has found: where the end that it shares begins in the name; the name's end where it shares none. */
  suffixAt = 0
  /** Where that stands in the message, counted from the message's start. */
  suffixOffset = 0
  /** Labels that are known. The latest ones can be forgotten by setting it back to what it was before. */
  count = 0

  private bytes: Uint8Array = new Uint8Array(0)
  private message = 0
  private readonly labels = new Uint16Array(LABELS_MAX)

  /** Forgets all labels; the message begins at `message` of `bytes`. */
  begin(bytes: Uint8Array, message: number): void {
    this.bytes = bytes
    this.message = message
    this.count = 0
  }

  /** Notes the labels that stand from `at` on, to the root, a pointer or `end`, as far as a pointer's 14 bits reach them. */
  remember(at: number, end: number): void {
    const { bytes, labels, message } = this
    while (at < end && this.count < LABELS_MAX) {
      const size = bytes[at]!
      if (size === 0 || size >= POINTER_FLAG || at - message > POINTER_MASK) return
      labels[this.count] = at - message
      this.count++
      at += size + 1
    }
  }

  /** Looks for the longest end of the name of `size` bytes at `nameAt` (wire form) that the message has; the root alone does not count. */
  findSuffix(name: Uint8Array, nameAt: number, size: number): void {
    const { labels, count } = this
    const nameEnd = nameAt + size
    for (let at = nameAt; at < nameEnd && name[at] !== 0; at += name[at]! + 1) {
      for (let label = 0; label < count; label++) {
        const offset = labels[label]!
        if (!this.standsAt(offset, name, at, nameEnd)) continue
        this.suffixAt = at
        this.suffixOffset = offset
        return
      }
    }
    this.suffixAt = nameEnd
  }

  /** Whether the name at `offset` of the message is that from `at` to `nameEnd`, byte for byte. */
  private standsAt(offset: number, name: Uint8Array, at: number, nameEnd: number): boolean {
    const { bytes, message } = this
    let here = message + offset
    while (at < nameEnd) {
      const size = bytes[here]!
      if (size >= POINTER_FLAG) {
        const target = message + (((size << 8) | bytes[here + 1]!) & POINTER_MASK)
        // Names that were written here refer to what was there before them; a loop is not for us to follow.
        if (target >= here) return false
        here = target
        continue
      }
      if (size !== name[at]) return false
      if (size === 0) return true
      for (let i = 1; i <= size; i++) if (bytes[here + i] !== name[at + i]) return false
      here += size + 1
      at += size + 1
    }
    return false
  }
}
