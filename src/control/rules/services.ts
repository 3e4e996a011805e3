/** Ports of a sandbox that SRV records tell of. */

import type { SandboxConfig } from '../model/records.ts'
import { mergeRuns, type PortRun, runOf } from './port-runs.ts'

/** Those that it exposes and those that are to be published, whether or not they are. */
export function servicesOf(config: Pick<SandboxConfig, 'exposedPorts' | 'portBindings'>): readonly PortRun[] {
  return mergeRuns([...config.exposedPorts, ...Object.keys(config.portBindings)].map(runOf))
}
