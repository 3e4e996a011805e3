import type { DnsContender } from '../name-server.ts'
import { dnsmasq } from './dnsmasq.ts'
import { docker } from './docker.ts'
import { tapwireEpoll, tapwireUring } from './tapwire.ts'
import { unbound } from './unbound.ts'

/** In the order of the report. */
export const CONTENDERS: readonly DnsContender[] = [tapwireUring, tapwireEpoll, dnsmasq, unbound, docker]
