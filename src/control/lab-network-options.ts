/** The driver's options of a network in a lab file, and what is wrong with them. */

import type { Report } from './lab-pool-plan.ts'
import type { LabPath } from './lab-problem.ts'
import type { NetworkFile } from './lab-schema-network.ts'
import type { NetworkTraits } from './rules/bridge-options.ts'
import { overlayDriver, vxlanDriver } from './rules/built-in-drivers.ts'

/** Those whose options a lab can do nothing without. Others are the daemon's to check. */
const DRIVERS = new Map([vxlanDriver, overlayDriver].map((rules) => [rules.name, rules]))

/** As the daemon takes them. */
export function optionTexts(options: NetworkFile['options'] = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(options).map(([name, value]) => [name, String(value)]))
}

/** `path` is the network's. */
export function checkDriverOptions(
  path: LabPath,
  { driver = '', options }: NetworkFile,
  network: NetworkTraits,
  report: Report,
): void {
  const problems = DRIVERS.get(driver)?.checkOptions(optionTexts(options), network) ?? []
  for (const problem of problems) report(options === undefined ? path : [...path, 'options'], problem)
}
