/** `node http-server.js PORT SIZE`: answers every request with SIZE bytes of the same word again and again. */
import { createServer } from 'node:http'

const [port, size] = process.argv.slice(2).map(Number)
const page = 'tapwire '.repeat(size! / 8)

createServer((_, answer) => answer.end(page)).listen(port, () => process.stdout.write('listening\n'))
