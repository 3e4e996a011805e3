import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DNSMASQ, UPSTREAM } from '../bed.ts'
import type { DnsContender } from '../name-server.ts'
import { addressOf, namesOf } from '../names.ts'
import { NAMES_PER_HOST, startOnRouter } from './on-router.ts'

/** Entries of its cache, as many as our cache has. */
const CACHE_ENTRIES = 8192

export const dnsmasq: DnsContender = {
  id: 'dnsmasq',
  title: 'dnsmasq',
  description: 'dnsmasq, names from a file of hosts, a veth pair away from the client',
  needs: { 'dnsmasq-base': ['dnsmasq'] },
  start: (bed, folder) =>
    startOnRouter(bed, folder, (part, address) => {
      const args = [...DNSMASQ, '--bind-interfaces', `--listen-address=${address}`, '--local-ttl=5']
      if (part === 'outside')
        return ['dnsmasq', [...args, `--server=${UPSTREAM}`, `--cache-size=${CACHE_ENTRIES}`]]
      const hosts = join(folder, `hosts-${part}`)
      const lines = namesOf(part).map((name, index) => `${addressOf(index, NAMES_PER_HOST)} ${name}\n`)
      writeFileSync(hosts, lines.join(''))
      return ['dnsmasq', [...args, `--addn-hosts=${hosts}`]]
    }),
}
