/**
 * The two ends of a byte-for-byte check, each run in a namespace of its own:
 *
 *     transfer-program.js receive ADDRESS PORT         prints "ready", then BYTES and SHA-256 of one connection
 *     transfer-program.js send ADDRESS PORT BYTES      sends a pseudo-random stream and prints the same of it
 */
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

const CHUNK = 64 * 1024

const [mode, address, port, bytes] = process.argv.slice(2)
if (mode === 'receive') receive()
else await send(Number(bytes))

function receive(): void {
  const server = createServer((socket) => {
    const hash = createHash('sha256')
    let count = 0
    socket.on('data', (chunk) => {
      hash.update(chunk)
      count += chunk.length
    })
    socket.on('end', () => {
      console.log(`${count} ${hash.digest('hex')}`)
      server.close()
    })
  })
  server.listen(Number(port), address, () => console.log('ready'))
}

/** The key stream of AES in counter mode: never the same 16 bytes twice, so that no misplaced byte goes unseen. */
async function send(total: number): Promise<void> {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 't'), Buffer.alloc(16, 'w'))
  const hash = createHash('sha256')
  const socket = connect(Number(port), address)
  await once(socket, 'connect')
  for (let left = total; left > 0; left -= CHUNK) {
    const chunk = stream.update(Buffer.alloc(Math.min(CHUNK, left)))
    hash.update(chunk)
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
  socket.end()
  await once(socket, 'close')
  console.log(`${total} ${hash.digest('hex')}`)
}
