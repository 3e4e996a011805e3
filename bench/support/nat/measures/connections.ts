import { buildReference } from '../../build-reference.ts'
import { check } from '../../measure.ts'
import { FORWARDER_CORE, GENERATOR_CORE } from '../../pin.ts'
import { run, startUntil } from '../../process.ts'
import { HOST, INTERNET, PUBLISHED } from '../bed.ts'
import type { Gateway, NatMeasure } from '../gateway.ts'

const AT_ONCE = 64

/** New connections from the sandbox to the internet. */
export const connectionsOut: NatMeasure = {
  id: 'connectionsOut',
  title: 'connections out',
  async run(bed, gateway, effort) {
    const { namespace } = gateway.sandbox
    const ends = { server: bed.path('internet'), listen: INTERNET, client: namespace, connect: INTERNET }
    return { connectionsOut: await connectionsPerSecond(gateway, ends, effort.seconds) }
  },
}

/** New connections from the internet to a published port. */
export const connectionsIn: NatMeasure = {
  id: 'connectionsIn',
  title: 'connections in',
  async run(bed, gateway, effort) {
    const { namespace, address } = gateway.sandbox
    const ends = { server: namespace, listen: address, client: bed.path('internet'), connect: HOST }
    return { connectionsIn: await connectionsPerSecond(gateway, ends, effort.seconds) }
  },
}

/** Namespace paths of the two ends, and the addresses on which they listen and to which they connect. */
interface Ends {
  readonly server: string
  readonly listen: string
  readonly client: string
  readonly connect: string
}

/**
 * Connections that carry one request and its answer, 64 at once, each opened when another one has ended. The load
 * generator is bound to one core and the gateway to the other.
 */
async function connectionsPerSecond(gateway: Gateway, ends: Ends, seconds: number): Promise<number> {
  const port = String(PUBLISHED.web)
  const server = await startUntil('ready', await buildReference('web-server'), [ends.listen, port], {
    namespace: ends.server,
  })
  try {
    await gateway.pin(FORWARDER_CORE)
    const load = ['-t', '1', '-c', String(AT_ONCE), '-d', `${seconds}s`, '-H', 'Connection: close']
    const output = await run('wrk', [...load, `http://${ends.connect}:${port}/`], {
      namespace: ends.client,
      core: GENERATOR_CORE,
      timeoutMs: (seconds + 20) * 1000,
    })
    await server.stop()
    const { requests, perSecond } = readWrk(output)
    const [, answered] = (await server.ended).split('\n').map(Number)
    // The server answers each connection once, so a connection used twice would show here.
    check(answered! >= requests, `${requests} answers from ${answered} connections`)
    return perSecond
  } finally {
    await gateway.pin(undefined)
    await server.stop()
  }
}

/** What wrk printed. An answer that is not 2xx, an error, and a run without any answer throw. */
export function readWrk(output: string): { readonly requests: number; readonly perSecond: number } {
  const requests = Number(/^\s*(\d+) requests in /m.exec(output)?.[1])
  const perSecond = Number(/^Requests\/sec:\s+([\d.]+)$/m.exec(output)?.[1])
  check(requests > 0 && perSecond > 0, `wrk had no answer: ${output}`)
  const trouble = /^\s*(Socket errors|Non-2xx or 3xx responses): .*$/m.exec(output)?.[0].trim()
  check(trouble === undefined, `${trouble} in ${requests} requests`)
  return { requests, perSecond }
}
