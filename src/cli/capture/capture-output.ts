/** Where a capture goes. */
export interface CaptureOutput {
  /** Whole blocks. Throws ReaderGone where nobody reads them, and TapwireError where they find no room. */
  write(blocks: Uint8Array): void | Promise<void>
  /** Behind all blocks. */
  end(): void | Promise<void>
  /** What is open is closed, whatever has happened. */
  close(): void
  /** Rejects with ReaderGone where that shows before anything is written. */
  readonly gone?: Promise<never>
}

/** The reader has had enough: no failure. */
export class ReaderGone extends Error {}
