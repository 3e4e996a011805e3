/**
 * Two ends of one TCP connection, which must lose nothing:
 *
 *     node numbered-stream.js echo PORT             sends back what it is sent
 *     node numbered-stream.js talk ADDRESS PORT [PAUSE_MS]
 *                                                   sends numbers of four bytes, checks that they come back in order
 *
 * The talk prints a dot for each kilobyte that came back. After SIGTERM it sends no more, waits for the rest, and ends with 0.
 */
import { connect, createServer } from 'node:net'

const [mode, first, second, pauseMs = '1'] = process.argv.slice(2)

/** Bytes on the way at most: enough that some are under way at any moment. */
const WINDOW = 64 * 1024
const CHUNK = 1024

if (mode === 'echo') {
  createServer((socket) => {
    socket.pipe(socket)
  }).listen(Number(first), () => process.stdout.write('listening\n'))
} else {
  talk(first!, Number(second))
}

function talk(host: string, port: number): void {
  let sent = 0
  let received = 0
  let ending = false
  let rest = Buffer.alloc(0)
  const socket = connect({ host, port })
  const send = (): void => {
    const limit = ending ? sent : received + WINDOW
    while (sent < limit) {
      const chunk = Buffer.alloc(CHUNK)
      for (let at = 0; at < CHUNK; at += 4) chunk.writeUInt32BE((sent + at) / 4, at)
      socket.write(chunk)
      sent += CHUNK
    }
    if (ending && sent === received) socket.end()
  }
  const check = (data: Buffer): void => {
    const bytes = Buffer.concat([rest, data])
    const whole = bytes.length - (bytes.length % 4)
    const before = Math.floor(received / CHUNK)
    for (let at = 0; at < whole; at += 4) {
      const number = bytes.readUInt32BE(at)
      if (number !== received / 4) fail(`${received / 4} was to come back, and ${number} came`)
      received += 4
    }
    process.stdout.write('.'.repeat(Math.floor(received / CHUNK) - before))
    rest = bytes.subarray(whole)
  }
  socket.on('connect', send)
  socket.on('data', (data: Buffer) => {
    check(data)
    // Not faster than anybody can read the dots.
    setTimeout(send, Number(pauseMs))
  })
  socket.on('error', (error) => fail(error.message))
  socket.on('close', () => {
    if (!ending || sent !== received) fail('the connection has ended')
    process.stdout.write('\nevery byte came back on one connection\n')
  })
  process.on('SIGTERM', () => {
    ending = true
    send()
  })
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`)
  process.exit(1)
}
