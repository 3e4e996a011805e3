import { Namespaces } from './namespaces.ts'

/**
 * Two namespaces that a contender joins, and one in which it may have parts of its own:
 *
 *     a: eth0 10.99.0.1/24 ──── contender, maybe in s ──── b: eth0 10.99.0.2/24
 *
 * The MTU is 1500.
 */
export type Place = 'a' | 'b' | 's'

export const ADDRESS: Readonly<Record<'a' | 'b', string>> = { a: '10.99.0.1', b: '10.99.0.2' }
export const INTERFACE = 'eth0'

/**
 * Frames that wait in a TAP, the same for every contender that has one (the kernel's default is 500). A veth has
 * no such queue.
 */
export const TRANSMIT_QUEUE = 1000

/** What the measures know of a bed: the two namespaces that traffic goes between. */
export interface Ends {
  /** Of the namespace. */
  path(place: 'a' | 'b'): string
}

export class TestBed extends Namespaces<Place> {
  static async create(): Promise<TestBed> {
    const bed = new TestBed(['a', 'b', 's'])
    await bed.make()
    return bed
  }

  /** Gives the contender's two interfaces their addresses and waits until a ping crosses. */
  async configure(): Promise<void> {
    for (const place of ['a', 'b'] as const) {
      await this.ip(place, [
        'link',
        'set',
        INTERFACE,
        'mtu',
        '1500',
        'txqueuelen',
        String(TRANSMIT_QUEUE),
        'up',
      ])
      await this.ip(place, ['addr', 'add', `${ADDRESS[place]}/24`, 'dev', INTERFACE])
    }
    // Both ways, so that both stations are learnt; a switch may need a moment to see that its links are up.
    await this.exec('a', 'ping', ['-q', '-i', '0.05', '-c', '3', '-w', '5', ADDRESS.b])
  }
}
