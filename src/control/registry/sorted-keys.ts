/**
 * Keys in the order of their bytes, as etcd sorts, which is the order of code points. Those that begin with the same text stand together, so that
 * they are found without going through all.
 */
export class SortedKeys {
  readonly #keys: string[]

  constructor(keys: Iterable<string> = []) {
    this.#keys = [...keys].toSorted(compareKeys)
  }

  /** One that is there already stays. */
  add(key: string): void {
    const index = this.#from(key)
    if (this.#keys[index] !== key) this.#keys.splice(index, 0, key)
  }

  delete(key: string): void {
    const index = this.#from(key)
    if (this.#keys[index] === key) this.#keys.splice(index, 1)
  }

  /** Whether any begins with it. */
  hasPrefix(prefix: string): boolean {
    return this.#keys[this.#from(prefix)]?.startsWith(prefix) ?? false
  }

  /** All that begin with it, in order. */
  withPrefix(prefix: string): readonly string[] {
    const first = this.#from(prefix)
    let end = first
    while (this.#keys[end]?.startsWith(prefix) === true) end++
    return this.#keys.slice(first, end)
  }

  /** Index of the first key that is not before this one. */
  #from(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.#keys[middle]!, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** UTF-16 has the halves of code points above U+FFFF (from D800 on) before E000..FFFF. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at)
    const right = b.charCodeAt(at)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

const rank = (unit: number): number => (unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit)
