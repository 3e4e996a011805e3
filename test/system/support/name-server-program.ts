/**
 * The far end of `NameServer`. Each server answers every name with one address of its own, so that an answer says where it is from. The first
 * label of a name may be a manner (name-server-answers.ts): a server that has it does to the question what it says.
 */

import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server as TcpServer } from 'node:net'
import { decode, encode, type Packet, streamDecode, streamEncode } from 'dns-packet'
import { MANNERS, type Manner, replies } from './name-server-answers.ts'
import { serveMethods } from './remote-methods.ts'

const PORT = 53
const LENGTH_SIZE = 2

/** A question that has come. */
export interface Asked {
  readonly server: string
  readonly transport: 'udp' | 'tcp'
  /** As it was spelt. */
  readonly name: string
  readonly type: string
  readonly id: number
  /** Whose: an address and a port. */
  readonly from: string
  readonly port: number
  /** What EDNS offers; -1 without it. */
  readonly udpSize: number
}

interface Server {
  readonly address: string
  readonly data: string
  readonly manners: readonly Manner[]
  readonly udp: UdpSocket
  readonly tcp: TcpServer
}

interface Client {
  readonly transport: 'udp' | 'tcp'
  readonly address: string
  readonly port: number
  send(message: Packet, isElsewhere: boolean): void
}

const servers = new Map<string, Server>()
let held: { readonly name: string; readonly release: () => void }[] = []
const asked: Asked[] = []
/** At another port. */
const elsewhere = createSocket('udp4')

function take(server: Server, question: Packet, client: Client): void {
  const { transport, address, port } = client
  const { name, type } = question.questions![0]!
  const opt = question.additionals?.find((record) => record.type === 'OPT')
  const udpSize = opt?.type === 'OPT' ? opt.udpPayloadSize : -1
  asked.push({
    server: server.address,
    transport,
    name,
    type,
    id: question.id!,
    from: address,
    port,
    udpSize,
  })
  const [first = ''] = name.toLowerCase().split('.')
  const manner = server.manners.find((one) => one === first)
  const reply = (): void => {
    for (const { message, isElsewhere = false } of replies(question, server.data, manner, transport)) {
      client.send(message, isElsewhere)
    }
  }
  if (manner === 'late') held.push({ name: name.toLowerCase(), release: reply })
  else reply()
}

function serveUdp(server: Server): void {
  server.udp.on('message', (bytes, { address, port }) => {
    const send = (message: Packet, isElsewhere: boolean): void => {
      const others = [...servers.values()].filter((one) => one !== server).map(({ udp }) => udp)
      for (const socket of isElsewhere ? [elsewhere, ...others] : [server.udp]) {
        socket.send(encode(message), port, address)
      }
    }
    take(server, decode(bytes), { transport: 'udp', address, port, send })
  })
}

function serveTcp(server: Server): void {
  server.tcp.on('connection', (socket) => {
    const { remoteAddress: address = '', remotePort: port = 0 } = socket
    const send = (message: Packet): void => void socket.write(streamEncode(message))
    let rest = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= LENGTH_SIZE && rest.length >= LENGTH_SIZE + rest.readUInt16BE()) {
        const size = LENGTH_SIZE + rest.readUInt16BE()
        take(server, streamDecode(rest.subarray(0, size)), { transport: 'tcp', address, port, send })
        rest = rest.subarray(size)
      }
    })
  })
}

const methods = {
  /** Serves at port 53 of an address, by UDP and TCP, and answers with `data`. */
  async serve(address: string, data: string, manners: readonly Manner[] = MANNERS): Promise<void> {
    const server = { address, data, manners, udp: createSocket('udp4'), tcp: createServer() }
    serveUdp(server)
    serveTcp(server)
    const ready = [once(server.udp, 'listening'), once(server.tcp, 'listening')]
    server.udp.bind(PORT, address)
    server.tcp.listen(PORT, address)
    await Promise.all(ready)
    servers.set(address, server)
  },
  /** The questions that have come, in order; with a text, those that have it in their name. */
  asked: (text = ''): readonly Asked[] => asked.filter(({ name }) => name.toLowerCase().includes(text)),
  /** Sends the answers that were held back for a name; how many. */
  release(name: string): number {
    const due = held.filter((one) => one.name === name)
    held = held.filter((one) => one.name !== name)
    for (const { release } of due) release()
    return due.length
  },
}

serveMethods(methods)

export type NameServerMethods = typeof methods
