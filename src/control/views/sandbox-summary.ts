/** A sandbox as the list shows it. */

import type { SandboxSummary } from '../api/sandbox.ts'
import type { SandboxRecord } from '../model/records.ts'
import { splitPort } from '../rules/port.ts'
import { humanStatus } from './human-duration.ts'
import {
  formatNetworkMode,
  inspectNetworks,
  inspectPorts,
  type SandboxSurroundings,
} from './sandbox-inspect.ts'

/** An entry of GET /sandboxes. */
export function summarizeSandbox(
  sandbox: SandboxRecord,
  surroundings: SandboxSurroundings,
  nowMs: number,
): SandboxSummary {
  return {
    Id: sandbox.id,
    Names: [`/${sandbox.name}`],
    Command: sandbox.config.command.map(quoteWord).join(' '),
    Created: Math.floor(Date.parse(sandbox.created) / 1000),
    State: sandbox.state.status,
    Status: humanStatus(sandbox.state, nowMs),
    Ports: sandbox.state.status === 'running' ? summarizePorts(sandbox) : [],
    Labels: { ...sandbox.config.labels },
    HostConfig: { NetworkMode: formatNetworkMode(sandbox.config.networkMode) },
    NetworkSettings: { Networks: inspectNetworks(sandbox, surroundings) },
  }
}

function quoteWord(word: string, index: number): string {
  return index > 0 && word.includes(' ') ? `'${word}'` : word
}

function summarizePorts(sandbox: SandboxRecord): SandboxSummary['Ports'] {
  return Object.entries(inspectPorts(sandbox)).flatMap(([port, bindings]) => {
    const { number, protocol } = splitPort(port)
    const inside = { PrivatePort: number, Type: protocol }
    if (bindings === null || bindings.length === 0) return [inside]
    return bindings.map(({ HostIp, HostPort }) => ({
      ...(HostIp === '' ? {} : { IP: HostIp }),
      ...inside,
      // A range or nothing: which port it is has not been decided.
      ...(/^\d+$/.test(HostPort) ? { PublicPort: Number(HostPort) } : {}),
    }))
  })
}
