import { ErrorCode, TapwireError } from '../../control/errors.ts'
import { isLabLabel } from '../../control/labs/labels.ts'

/**
 * Throws BAD_REQUEST where a client gives a label of labs: by them a lab knows what is its own, and what it removes. Labs
 * give theirs to the control plane directly.
 */
export function refuseLabLabels(labels: Readonly<Record<string, string>> | null | undefined): void {
  const found = Object.keys(labels ?? {}).find(isLabLabel)
  if (found === undefined) return
  throw new TapwireError(
    ErrorCode.badRequest,
    `The label ${JSON.stringify(found)} is one that only labs give.`,
    {
      hint: 'Take another name; for a lab, write a lab file and bring it up with `tapwire up`.',
    },
  )
}
