import { accepts, type FilterProgram } from '../../datapath/capture/frame-filter.ts'
import { LINK_TYPE_ETHERNET } from '../pcap/capture-file.ts'
import { compileFilter, type FilterNames } from './compile-filter.ts'

/** A filter for packets of capture files. */
export class PacketFilter {
  readonly #program: FilterProgram

  /** As `compileFilter`: throws FilterError. */
  constructor(text: string, names?: FilterNames) {
    this.#program = compileFilter(text, names)
  }

  /** Whether it accepts the packet. Of link types without Ethernet headers only the filter that accepts all accepts any. */
  accepts(
    view: DataView,
    offset: number,
    capturedLength: number,
    originalLength: number,
    linkType: number,
  ): boolean {
    if (this.#program.length === 0) return true
    return (
      linkType === LINK_TYPE_ETHERNET && accepts(this.#program, view, offset, capturedLength, originalLength)
    )
  }
}
