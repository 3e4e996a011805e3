import type { FilterProgram } from '../../datapath/capture/frame-filter.ts'
import { FILTER_TEXT_MAX } from '../../limits.ts'
import { FilterError } from './filter-error.ts'
import { IdentifierReader } from './identifiers.ts'
import { FilterParser } from './parser.ts'
import { ProgramTooLong, writeProgram } from './program-writer.ts'

export interface FilterNames {
  /** Addresses (IPv4, IPv6) of what is called so: a sandbox. Empty where nothing is. */
  (name: string): readonly string[]
}

/**
 * Compiles an expression as tcpdump takes it (pcap-filter(7)): `tcp port 80 and host web`. Throws FilterError, which says where and why.
 * Empty text is every frame.
 */
export function compileFilter(text: string, names?: FilterNames): FilterProgram {
  if (text.length > FILTER_TEXT_MAX) {
    throw new FilterError(`a filter has at most ${FILTER_TEXT_MAX} characters`, text, FILTER_TEXT_MAX)
  }
  if (/^[ \r\n\t]*$/.test(text)) return new Int32Array(0)
  const condition = new FilterParser(text, new IdentifierReader(text, names)).parse()
  try {
    return writeProgram(condition)
  } catch (error) {
    if (!(error instanceof ProgramTooLong)) throw error
    throw new FilterError(
      'the filter asks for too much',
      text,
      0,
      'nets and ranges say in few words what lists say in many',
    )
  }
}
