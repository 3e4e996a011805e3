import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

/** What absolute numbers depend on. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryGiB: number
  readonly virtual: boolean
  readonly kernel: string
  readonly node: string
}

export function describeMachine(): Machine {
  const processors = cpus()
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(readFileSync('/proc/cpuinfo', 'utf8')),
    kernel: release(),
    node: process.versions.node,
  }
}

export function machineLine(machine: Machine): string {
  const { cpu, cores, memoryGiB, virtual, kernel, node } = machine
  return `${cpu}, ${cores} cores, ${memoryGiB} GiB${virtual ? ', a virtual machine' : ''}; Linux ${kernel}; Node ${node}`
}
