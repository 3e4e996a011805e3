import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readPcap } from './pcap.ts'
import { repositoryRoot } from './repository.ts'

const fixture = (name: string): Uint8Array[] =>
  readPcap(readFileSync(join(repositoryRoot, 'test/fixtures', name)))

const inside = fixture('kernel-gateway-inside.pcap')
const outside = fixture('kernel-gateway-outside.pcap')

/**
 * What Linux does as the gateway 10.1.0.1 (02:42:0a:01:00:01) of 10.1.0.2, recorded between two namespaces with veth and
 * without offloads; behind it a network with an MTU of 1000. Each is what came in and what Linux made of it.
 */
export const kernelGateway = {
  arp: { request: inside[0]!, reply: inside[1]! },
  echo: { request: inside[2]!, reply: inside[3]! },
  timeExceeded: { about: inside[4]!, error: inside[5]! },
  fragmentationNeeded: { about: inside[6]!, error: inside[7]! },
  /** With a Record Route option, in which Linux has noted its own address. */
  recordRoute: { packet: inside[8]!, fragments: outside.slice(0, 2) },
  fragments: { packet: inside[9]!, fragments: outside.slice(2, 4) },
  portUnreachable: { about: inside[10]!, error: inside[11]! },
  reset: { about: inside[12]!, reset: inside[13]! },
  /** About a segment with ACK. */
  resetOfAck: { about: inside[16]!, reset: inside[17]! },
} as const
