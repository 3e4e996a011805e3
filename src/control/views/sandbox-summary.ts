/** A sandbox as the list shows it. */

import type { SandboxSummary } from '../api/sandbox.ts'
import type { SandboxRecord } from '../model/records.ts'
import type { SandboxSurroundings } from './sandbox-inspect.ts'

/** An entry of GET /sandboxes. */
export function summarizeSandbox(
  sandbox: SandboxRecord,
  surroundings: SandboxSurroundings,
  nowMs: number,
): SandboxSummary {
  throw new Error('to be written')
}
