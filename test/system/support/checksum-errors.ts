import { type Place, run } from './program.ts'

/** Counters of the kernel, in /proc/net/snmp, that count what came with a bad checksum. */
const COUNTERS = /InCsumErrors$/

/** Those of a network namespace that are not 0, each as `Udp.InCsumErrors 3`. */
export async function checksumErrors(place: Place): Promise<string[]> {
  const lines = (await run(place, 'cat', '/proc/net/snmp')).trimEnd().split('\n')
  const result: string[] = []
  for (let i = 0; i < lines.length; i += 2) {
    const [group = '', ...names] = lines[i]!.split(' ')
    const [, ...values] = lines[i + 1]!.split(' ')
    for (const [index, name] of names.entries()) {
      if (COUNTERS.test(name) && values[index] !== '0')
        result.push(`${group.slice(0, -1)}.${name} ${values[index]}`)
    }
  }
  return result
}
