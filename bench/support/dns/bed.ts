import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Namespaces } from '../namespaces.ts'
import { type Background, run, start } from '../process.ts'
import { untilAnswered } from './dnsperf.ts'
import { questionFile, SUFFIX_OUTSIDE } from './names.ts'

/**
 * Who asks, who answers, and who is asked further:
 *
 *     client 10.99.0.2 ── 10.99.0.1 router 203.0.113.2 ────┐                    every arrow a veth pair
 *                          └ programs of Debian            └─ 203.0.113.1 upstream: every name *.far.test
 *     sandbox ─────────── machine ────── 203.0.113.130 ────── 203.0.113.129 (uplink)
 *                          └ Tapwire, or Docker in a namespace of its own
 *
 * The router's kernel forwards: by it the client reaches the upstream directly, too. The addresses are for documentation (RFC 5737).
 */
export type DnsPlace = 'client' | 'router' | 'machine' | 'upstream'

export const ROUTER = '10.99.0.1'
/** What the router and the client ask outside. */
export const UPSTREAM = '203.0.113.1'
/** What machines ask outside. */
export const UPLINK_UPSTREAM = '203.0.113.129'
const UPLINK_MACHINE = '203.0.113.130'
/** An answer from outside may be remembered for longer than a measurement takes. */
const OUTSIDE_TTL_S = 600

export class DnsBed extends Namespaces<DnsPlace> {
  readonly folder = mkdtempSync(join(tmpdir(), 'tapwire-bench-dns-'))
  #upstream: Background | undefined

  static async create(): Promise<DnsBed> {
    const bed = new DnsBed(['client', 'router', 'machine', 'upstream'])
    await bed.make()
    await bed.#cable('client', '10.99.0.2/24', bed.name('router'), 'eth0', `${ROUTER}/24`)
    await bed.#cable('upstream', `${UPSTREAM}/25`, bed.name('router'), 'eth1', '203.0.113.2/25')
    await bed.ip('client', ['route', 'add', 'default', 'via', ROUTER])
    await bed.ip('upstream', ['route', 'add', '10.99.0.0/24', 'via', '203.0.113.2'])
    await bed.exec('router', 'sysctl', ['-qw', 'net.ipv4.ip_forward=1'])
    await bed.#startUpstream()
    return bed
  }

  /** Joins a machine's namespace to the upstream, by its interface eth0; its default route leads there. */
  async addUplink(namespace: string): Promise<void> {
    await this.#cable('upstream', `${UPLINK_UPSTREAM}/25`, namespace, 'eth0', `${UPLINK_MACHINE}/25`, 'eth1')
    await run('ip', ['-n', namespace, 'route', 'add', 'default', 'via', UPLINK_UPSTREAM])
  }

  override async destroy(): Promise<void> {
    await this.#upstream?.stop()
    rmSync(this.folder, { recursive: true, force: true })
    await super.destroy()
  }

  async #cable(
    place: DnsPlace,
    address: string,
    namespace: string,
    farInterface: string,
    farAddress: string,
    nearInterface = 'eth0',
  ): Promise<void> {
    const peer = ['peer', 'name', farInterface, 'netns', namespace]
    await this.ip(place, ['link', 'add', nearInterface, 'type', 'veth', ...peer])
    await this.ip(place, ['addr', 'add', address, 'dev', nearInterface])
    await this.ip(place, ['link', 'set', nearInterface, 'up'])
    await run('ip', ['-n', namespace, 'addr', 'add', farAddress, 'dev', farInterface])
    await run('ip', ['-n', namespace, 'link', 'set', farInterface, 'up'])
  }

  /** Gives every name below `far.test` an address at once. */
  async #startUpstream(): Promise<void> {
    const records = [`--address=/${SUFFIX_OUTSIDE}/192.0.2.1`, `--local-ttl=${OUTSIDE_TTL_S}`]
    this.#upstream = start('dnsmasq', [...DNSMASQ, ...records], { namespace: this.path('upstream') })
    const questions = questionFile(join(this.folder, 'upstream'), [`ready.${SUFFIX_OUTSIDE}`])
    await untilAnswered({ namespace: this.path('client'), address: UPSTREAM }, questions)
  }
}

/** dnsmasq in the foreground, with nothing of the machine's: no file of its own, no servers, no hosts, no log. */
export const DNSMASQ: readonly string[] = [
  '--keep-in-foreground',
  '--conf-file=/dev/null',
  '--user=root',
].concat(['--pid-file=', '--no-resolv', '--no-hosts', '--log-facility=/dev/null'])
