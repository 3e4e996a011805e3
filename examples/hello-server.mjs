// A web server for labs, with nothing but Node: says who answers, and to whom.
//
//   node hello-server.mjs NAME [PORT]        the port is 80 unless given
import { createServer } from 'node:http'

const [name = 'nobody', port = '80'] = process.argv.slice(2)

const server = createServer((request, response) => {
  const { localAddress, remoteAddress } = request.socket
  response.setHeader('content-type', 'text/plain; charset=utf-8')
  response.end(`Hello ${remoteAddress}, this is ${name} at ${localAddress}.\n`)
})

server.listen(Number(port), '0.0.0.0', () => console.log(`${name} listens on port ${port}`))
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(0))
