import { fileURLToPath } from 'node:url'
import { check } from './measure.ts'
import { run, startUntil } from './process.ts'

const PROGRAM = fileURLToPath(new URL('./transfer-program.js', import.meta.url))

/** One connection of a byte-for-byte check. */
export interface Transfer {
  /** Namespace path of the end that listens, and the address that it listens on. */
  readonly server: string
  readonly listen: string
  /** Namespace path of the end that connects, and the address that it connects to. */
  readonly client: string
  readonly connect: string
  readonly port: number
  readonly bytes: number
  readonly sender: 'client' | 'server'
}

/** Takes a pseudo-random stream through TCP. Throws where both ends do not have the same SHA-256. */
export async function transferBytes(transfer: Transfer): Promise<void> {
  const { port, bytes, sender } = transfer
  const end = (isSender: boolean, role: 'listen' | 'connect', address: string): string[] =>
    [PROGRAM, isSender ? 'send' : 'receive', role, address, String(port)].concat(
      isSender ? String(bytes) : [],
    )
  const listening = end(sender === 'server', 'listen', transfer.listen)
  const server = await startUntil('ready', process.execPath, listening, { namespace: transfer.server })
  try {
    const connecting = end(sender === 'client', 'connect', transfer.connect)
    const ofClient = (await run(process.execPath, connecting, { namespace: transfer.client })).trim()
    const ofServer = (await server.ended).split('\n')[1]!
    check(ofClient === ofServer, `the ${sender} sent; client has ${ofClient}, server ${ofServer}`)
    check(ofClient.startsWith(`${bytes} `), `${ofClient}, and not ${bytes} bytes`)
  } finally {
    await server.stop()
  }
}
