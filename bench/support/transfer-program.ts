/**
 * The two ends of a byte-for-byte check, each run in a namespace of its own:
 *
 *     transfer-program.js send    listen|connect ADDRESS PORT BYTES     sends a pseudo-random stream
 *     transfer-program.js receive listen|connect ADDRESS PORT           reads to the end
 *
 * Both print BYTES and SHA-256 of one connection; the one that listens prints "ready" first.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

const CHUNK = 64 * 1024

const [task, role, address, port, bytes] = process.argv.slice(2)
const socket = role === 'listen' ? await acceptOne() : await connectTo()
// A stream from the server is asked for with a byte: pasta takes up no connection before its client has spoken.
const isAsked = (task === 'send') === (role === 'listen')
if (isAsked && role === 'connect') socket.write('?')
if (isAsked && role === 'listen') await once(socket.resume(), 'data')
console.log(task === 'send' ? await send(socket, Number(bytes)) : await receive(socket))

async function acceptOne(): Promise<Socket> {
  const server = createServer({ pauseOnConnect: true }).listen(Number(port), address, () =>
    console.log('ready'),
  )
  const [accepted] = (await once(server, 'connection')) as [Socket]
  server.close()
  return accepted
}

async function connectTo(): Promise<Socket> {
  const connecting = connect(Number(port), address)
  await once(connecting, 'connect')
  return connecting
}

async function receive(from: Socket): Promise<string> {
  const hash = createHash('sha256')
  let count = 0
  for await (const chunk of from as AsyncIterable<Buffer>) {
    hash.update(chunk)
    count += chunk.length
  }
  return `${count} ${hash.digest('hex')}`
}

/** The key stream of AES in counter mode: never the same 16 bytes twice, so that no misplaced byte goes unseen. */
async function send(to: Socket, total: number): Promise<string> {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 't'), Buffer.alloc(16, 'w'))
  const hash = createHash('sha256')
  for (let left = total; left > 0; left -= CHUNK) {
    const chunk = stream.update(Buffer.alloc(Math.min(CHUNK, left)))
    hash.update(chunk)
    if (!to.write(chunk)) await once(to, 'drain')
  }
  to.resume()
  to.end()
  await once(to, 'close')
  return `${total} ${hash.digest('hex')}`
}
