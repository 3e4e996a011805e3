import { createSocket, type Socket } from 'node:dgram'
import { closeSync } from 'node:fs'

/** Takes the descriptor over, which has an address already. Nothing that it is given to send to is looked up: all are addresses. */
export function adoptDatagramSocket(descriptor: number, family: 4 | 6): Socket {
  const socket = createSocket({
    type: `udp${family}`,
    lookup: (address, _options, found) => found(null, address, family),
  })
  try {
    socket.bind({ fd: descriptor })
  } catch (error) {
    closeSync(descriptor)
    throw error
  }
  return socket
}
