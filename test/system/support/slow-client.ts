/**
 * A client by TCP that a name server has no joy of. `slow-client.js ADDRESS COUNT` opens as many connections to port 53; each does
 * one of these, and all stay open as long as the server lets them:
 *
 *     says nothing       says half of a length       promises 64 KB and sends one byte       sends 64 KB that are no question
 *     asks the same question over and over, and reads no answer
 *
 * It prints `sent`, and then, when all of them are closed, `closed`.
 */

import { connect, type Socket } from 'node:net'
import { streamEncode } from 'dns-packet'

const [address = '', count = '1'] = process.argv.slice(2)

const LENGTH_MAX = 0xffff
const QUESTIONS = 20_000

const question = streamEncode({ type: 'query', id: 7, questions: [{ type: 'A', name: 'web' }] })
const promise = Uint8Array.of(LENGTH_MAX >> 8, LENGTH_MAX & 0xff)

const MANNERS: readonly ((socket: Socket) => void)[] = [
  () => undefined,
  (socket) => void socket.write(promise.subarray(0, 1)),
  (socket) => void socket.write(Uint8Array.of(...promise, 0)),
  (socket) => void socket.write(Buffer.concat([promise, Buffer.alloc(LENGTH_MAX, 0x7f)])),
  (socket) => {
    socket.pause()
    socket.write(Buffer.concat(Array.from({ length: QUESTIONS }, () => question)))
  },
]

let open = Number(count)
let begun = 0
for (let i = 0; i < Number(count); i++) {
  const socket = connect({ host: address, port: 53 })
  const done = (): void => {
    begun++
    if (begun === Number(count)) process.stdout.write('sent\n')
  }
  socket.on('error', () => undefined)
  socket.once('connect', () => MANNERS[i % MANNERS.length]!(socket))
  socket.once('connect', done)
  socket.once('close', () => {
    if (socket.bytesWritten === 0 && socket.connecting) done()
    open--
    if (open === 0) process.stdout.write('closed\n')
  })
}
