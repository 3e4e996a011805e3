/** The beginning of an SRV question's name (RFC 2782): `_80._tcp` or `_http._tcp`, in front of what offers the service. */

import { fold, LABEL_SIZE_MAX } from '../../wire/dns-name.ts'
import { NO_SERVICE, portOf, protocolOf } from './service-names.ts'

export class ServiceQuestion {
  protocol = 0
  port = 0
  /** Bytes of the two labels. */
  size = 0
  private readonly label = new Uint8Array(LABEL_SIZE_MAX + 1)

  /** Whether the name of `size` bytes at `at`, in wire form with the root, asks for a service that is known. */
  read(bytes: Uint8Array, at: number, size: number): boolean {
    const second = at + bytes[at]! + 1
    const root = at + size - 1
    if (second >= root) return false
    const third = second + bytes[second]! + 1
    if (third >= root) return false
    this.size = third - at
    this.protocol = protocolOf(this.folded(bytes, second), 0)
    if (this.protocol === NO_SERVICE) return false
    this.port = portOf(this.folded(bytes, at), 0, this.protocol)
    return this.port !== NO_SERVICE
  }

  /** The label at `at`, in small letters. */
  private folded(bytes: Uint8Array, at: number): Uint8Array {
    const { label } = this
    for (let index = 0; index <= bytes[at]!; index++) label[index] = fold(bytes[at + index]!)
    return label
  }
}
