import { readFileSync } from 'node:fs'

/** Bits of CapEff in /proc/self/status (linux/capability.h). */
const CAPABILITIES = [
  ['CAP_NET_ADMIN', 12n],
  ['CAP_SYS_ADMIN', 21n],
] as const

/** What namespaces and TAPs take and this process has not: names of capabilities(7). */
export function missingCapabilities(): string[] {
  const [, effective = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return CAPABILITIES.flatMap(([name, bit]) =>
    ((BigInt(`0x${effective}`) >> bit) & 1n) === 0n ? [name] : [],
  )
}
