import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UPSTREAM } from '../bed.ts'
import type { DnsContender } from '../name-server.ts'
import { addressOf, namesOf } from '../names.ts'
import { NAMES_PER_HOST, type Part, startOnRouter } from './on-router.ts'

export const unbound: DnsContender = {
  id: 'unbound',
  title: 'unbound',
  description: 'unbound with one thread, names as local data, a veth pair away from the client',
  needs: { unbound: ['unbound'] },
  start: (bed, folder) =>
    startOnRouter(bed, folder, (part, address) => {
      const file = join(folder, `unbound-${part}.conf`)
      writeFileSync(file, configuration(part, address))
      return ['unbound', ['-d', '-c', file]]
    }),
}

/** Nothing of the machine's, and no DNSSEC: there are no signatures here. */
function configuration(part: Part, address: string): string {
  const server = [`interface: ${address}`, 'access-control: 0.0.0.0/0 allow', 'num-threads: 1']
    .concat(['module-config: "iterator"', 'do-daemonize: no', 'use-syslog: no', 'logfile: "/dev/null"'])
    .concat(['chroot: ""', 'username: ""', 'directory: ""', 'pidfile: ""'])
  const lines = [
    'server:',
    ...server.concat(part === 'outside' ? [] : localData(part)).map((line) => `  ${line}`),
  ]
  if (part === 'outside')
    lines.push(
      '  local-zone: "test." nodefault',
      'forward-zone:',
      '  name: "."',
      `  forward-addr: ${UPSTREAM}`,
    )
  return `${lines.join('\n')}\nremote-control:\n  control-enable: no\n`
}

const localData = (part: Exclude<Part, 'outside'>): string[] =>
  ['local-zone: "." static'].concat(
    namesOf(part).map((name, index) => `local-data: "${name}. 5 IN A ${addressOf(index, NAMES_PER_HOST)}"`),
  )
