import type {
  ImpairmentCounts,
  ImpairmentSettings,
} from '../../src/datapath/impairment/impairment-settings.ts'
import { buildReference } from './build-reference.ts'
import { iperfTcp } from './iperf.ts'
import { run, startUntil } from './process.ts'
import { ADDRESS, INTERFACE, TestBed } from './test-bed.ts'

/** Who impairs the way from a to b. */
export interface Impairing {
  impair(settings: Partial<ImpairmentSettings>): Promise<void>
  counts(): Promise<ImpairmentCounts | undefined>
  stop(): Promise<void>
}

/** A datagram that has come. */
export interface ProbeArrival {
  readonly number: number
  readonly delayNs: number
  readonly atNs: number
}

export interface ProbeOptions {
  readonly count: number
  /** Bytes of a datagram. */
  readonly payload: number
  readonly intervalNs: number
}

const PORT = 9999
/** Ethernet, IPv4 and UDP. */
const HEADERS = 14 + 20 + 8
/** What TCP needs to fill 10 ms at 20 Gbit/s, twice. */
const TCP_MEMORY = '4096 1048576 67108864'

/** A bed that datagrams are sent across, numbered and stamped. */
export class ImpairedBed extends TestBed {
  #program = ''

  static async make(): Promise<ImpairedBed> {
    const bed = new ImpairedBed(['a', 'b', 's'])
    await bed.make()
    bed.#program = await buildReference('probe')
    return bed
  }

  override async configure(): Promise<void> {
    await super.configure()
    for (const place of ['a', 'b'] as const) {
      for (const name of ['rmem', 'wmem'])
        await this.exec(place, 'sysctl', ['-qw', `net.ipv4.tcp_${name}=${TCP_MEMORY}`])
    }
  }

  /** Bytes of the frame that carries a datagram. */
  wireLength(payload: number): number {
    return HEADERS + payload
  }

  /** Sends datagrams from a to b, and tells of those that came. */
  async probe({ count, payload, intervalNs }: ProbeOptions): Promise<readonly ProbeArrival[]> {
    const timeoutMs = 60_000 + (count * intervalNs) / 1e6
    const receiver = await startUntil(
      'ready',
      this.#program,
      ['receive', String(PORT), String(count), '1500'],
      {
        namespace: this.path('b'),
      },
    )
    try {
      const args = ['send', ADDRESS.b, String(PORT), String(count), String(payload), String(intervalNs)]
      await run(this.#program, args, { namespace: this.path('a'), timeoutMs })
      const [, ...lines] = (await receiver.ended).trim().split('\n')
      return lines.map((line) => {
        const [number, delayNs, atNs] = line.split(' ').map(Number)
        return { number: number!, delayNs: delayNs!, atNs: atNs! }
      })
    } finally {
      await receiver.stop()
    }
  }

  /** Gbit/s of one connection from a to b. */
  async tcp(seconds: number): Promise<number> {
    const path = { from: this.path('a'), to: this.path('b'), address: ADDRESS.b, arrivalInterface: INTERFACE }
    const { gigabits } = await iperfTcp(path, [process.pid], seconds, 1)
    return gigabits
  }
}
