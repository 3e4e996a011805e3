import { DNS_LOG_ENTRIES } from '../../limits.ts'

/** The log keeps 16 bits of a number, with a sign. */
const NUMBERS = 0x8000

/**
 * Numbers for addresses of servers, which the data path's log keeps in their place. It has no more entries than there are numbers
 * here, so that whatever it still has is known.
 */
export class ServerNumbers {
  /** Those that were used last are the last ones. */
  readonly #numbers = new Map<string, number>()
  readonly #addresses = new Map<number, string>()
  #next = 0

  /** -1 for the empty address: none. */
  numberOf(address: string): number {
    if (address === '') return -1
    const number = this.#numbers.get(address) ?? this.#add(address)
    this.#numbers.delete(address)
    this.#numbers.set(address, number)
    return number
  }

  /** Empty where it is none's. */
  addressOf(number: number): string {
    return this.#addresses.get(number) ?? ''
  }

  #add(address: string): number {
    while (this.#addresses.has(this.#next)) this.#next = (this.#next + 1) % NUMBERS
    const number = this.#next
    this.#next = (number + 1) % NUMBERS
    this.#addresses.set(number, address)
    if (this.#addresses.size > DNS_LOG_ENTRIES) this.#forgetOldest()
    return number
  }

  #forgetOldest(): void {
    for (const [address, number] of this.#numbers) {
      this.#numbers.delete(address)
      this.#addresses.delete(number)
      return
    }
  }
}
