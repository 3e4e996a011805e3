import { compile } from './compile.ts'
import { type Place, run } from './program.ts'

export const BROADCAST = 'ff:ff:ff:ff:ff:ff'

/** Local Experimental EtherType 1 (IEEE 802): no kernel answers it. */
export const EXPERIMENTAL = '88b5'

const SMALLEST_FRAME = 60

/** Sends frames on interfaces as they are. */
export class FrameSender {
  readonly #program = compile('frames')

  /** Each frame in hex, in order. */
  async send(place: Place, interfaceName: string, ...frames: readonly string[]): Promise<void> {
    await run(place, this.#program, 'send', interfaceName, ...frames)
  }

  /** `count` frames of 60 bytes to `target`, each from another source; no seed's sources are near another's. */
  async flood(
    place: Place,
    interfaceName: string,
    target: string,
    count: number,
    seed: number,
  ): Promise<void> {
    await run(place, this.#program, 'flood', interfaceName, plain(target), String(count), String(seed))
  }
}

/** A frame of 60 bytes in hex. `text` begins its payload; `type` may have a VLAN tag before it. */
export function frameOf(target: string, source: string, type: string, text: string): string {
  const payload = Buffer.from(text, 'latin1').toString('hex')
  return `${plain(target)}${plain(source)}${type}${payload}`.padEnd(2 * SMALLEST_FRAME, '0')
}

const plain = (mac: string): string => mac.replaceAll(':', '')
