/**
 * The frame whose way is told of, as far as it has come. One object, which changes from call to call. At `begin` number, time and the
 * fact `released` are right; at `depart` and `end` all is.
 */
export interface FrameWay {
  /**
   * Counts up by one for each frame that arrives while somebody looks (after 2^31 - 1 from 1 again). What had waited has the number that
   * it arrived with; 0: it arrived when nobody looked, or the router itself made what leaves.
   */
  readonly number: number
  /** Milliseconds of the data path's clock. */
  readonly timeMs: number
  /** Bits of Fact. */
  readonly facts: number
  /** The port behind which the sender lived before, where it moved; -1. */
  readonly movedFrom: number
  /** 0, or the DropReason. Copies may have left all the same. */
  readonly reason: number
  /** Reference of the connection (tables/connection-table.ts) in the direction of this frame; -1 where none. */
  readonly flow: number
  /** Of a frame at a glance that leaves as it stood in the burst's list, where; but its checksum may have been completed. -1: any other. */
  readonly place: number
}

/**
 * Is told by the recorded path (recorded-path.ts) what becomes of each frame. Frames stand in the frame memory, their virtio-net headers
 * before them; copy what is of interest. While one is dealt with, another that had waited may begin and end its way.
 *
 *     begin ── depart … ── end             a frame, as it came; each copy that leaves, as it leaves; and what has become of it
 *     begin ── ( begin ── depart ── end ) ── end          the answer to ARP that something has waited for
 *     begin ── end                         a frame that the impaired link by which it comes has dropped
 *     make ── depart … ── end              what the router itself makes: requests, answers of the name server
 *     overlook ── depart …                 frames that nobody wants as they came; of each copy that leaves number, connection and that it had waited
 */
export interface FrameRecorder {
  begin(way: FrameWay, port: number, offset: number, length: number): void
  make(way: FrameWay): void
  depart(way: FrameWay, port: number, offset: number, length: number): void
  end(way: FrameWay): void
  /** A frame that had waited is dropped; it does not stand in the frame memory, but in `bytes`. Between any of the other calls. */
  lose(way: FrameWay, port: number, bytes: Uint8Array, offset: number, length: number): void
  /**
   * The device of `port` has not taken a frame that had departed. After a poll its bytes are gone, and what stands there is another's:
   * they may be read only where `present`.
   */
  refuse(way: FrameWay, port: number, offset: number, length: number, present: boolean): void
  /** The impaired link to `port` has dropped a frame that would have departed. Between any of the other calls. */
  miss(way: FrameWay, port: number, offset: number, length: number): void
  /**
   * Of the frames `from` to `to - 1` of the burst, which stand in the frame memory's list, the first that is to be told of by `begin`;
   * `to` where it is none. Changes nothing.
   */
  overlooks(from: number, to: number): number
  /** These frames, none of which was to be told of, are not. */
  overlook(from: number, to: number): void
  /** Whether what devices refuse is to be seen: then a burst is to be transmitted while its frames are still there. */
  readonly wantsRefused: boolean
  /** The burst is over, or what else was recorded. */
  flush(): void
}
