/** What `CaptureReader.next` came upon. */
export const ReadResult = {
  /** Nothing whole: push more, or say that there is no more. */
  needMore: 0,
  packet: 1,
  interface: 2,
  names: 3,
  statistics: 4,
  section: 5,
  /** A block that is stepped over: `CaptureReader.block` has it. */
  other: 6,
  end: 7,
} as const
export type ReadResult = (typeof ReadResult)[keyof typeof ReadResult]
