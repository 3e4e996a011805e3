import type { ModelRecord } from './records.ts'

/** Where the model survives the daemon. */
export interface Store {
  /** Undefined where nothing was kept yet. Throws STATE_INVALID where something is there that cannot be read. */
  load(): ModelRecord | undefined
  /**
   * Keeps the model as `read` gives it; resolves when a copy that is at least as new as this call is safe. Calls while a write
   * is under way share the next one. Rejects where it could not be written; what was kept before is there still.
   */
  save(read: () => ModelRecord): Promise<void>
}
