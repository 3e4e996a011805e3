/**
 * Reads a capture as a command does, and writes it to a file: `node capture-client.js SOCKET QUERY FILE`. Prints `capturing` when it has
 * begun, and ends when the capture does.
 */
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'

const [socketPath, query, path] = process.argv.slice(2)
const file = await open(path!, 'w')
const sent = request({ socketPath: socketPath!, path: `/capture?${query}`, agent: false })
sent.end()
const [answer] = (await once(sent, 'response')) as [IncomingMessage]
if (answer.statusCode !== 200) throw new Error(`the capture was refused: ${answer.statusCode}`)
console.log('capturing')
let bytes = 0
for await (const chunk of answer) {
  bytes += (chunk as Buffer).length
  await file.writev([chunk as Buffer])
}
await file.close()
console.log(`bytes ${bytes}`)
