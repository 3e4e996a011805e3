/**
 * A member of a multicast group, or somebody who speaks to it. ADDRESS says by which interface:
 *
 *     node multicast.js join GROUP PORT ADDRESS        prints the datagrams that arrive
 *     node multicast.js send GROUP PORT ADDRESS TEXT
 */
import { createSocket } from 'node:dgram'

const [mode, group, port, address, text] = process.argv.slice(2)
const socket = createSocket({ type: 'udp4', reuseAddr: true })

if (mode === 'join') {
  socket.on('message', (message) => process.stdout.write(`${message.toString()}\n`))
  socket.bind(Number(port), () => {
    socket.addMembership(group!, address)
    process.stdout.write('listening\n')
  })
} else {
  socket.bind(0, () => {
    socket.setMulticastInterface(address!)
    socket.send(text!, Number(port), group, () => socket.close())
  })
}
