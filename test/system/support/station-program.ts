/**
 * The far end of `Station`: sockets in the network namespace that this process was started in, which it is told what to do
 * with. Endpoints are texts, `192.0.2.7:80`.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { serveMethods } from './remote-methods.ts'

/** What has come and nobody has asked for yet, and those who have asked before it came. */
class Arrivals<T> {
  readonly #items: T[] = []
  readonly #waiting: ((item: T) => void)[] = []

  put(item: T): void {
    const first = this.#waiting.shift()
    if (first === undefined) this.#items.push(item)
    else first(item)
  }

  next(): Promise<T> {
    const item = this.#items.shift()
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item)
  }

  get count(): number {
    return this.#items.length
  }
}

interface Datagram {
  readonly from: string
  readonly text: string
}

interface Stream {
  readonly socket: Socket
  readonly lines: Arrivals<string>
  readonly ended: Promise<string>
}

/** Room for all that connect before this process gets to see them: where there is none, the kernel resets some of those that it has let in. */
const BACKLOG = 4096

let handles = 0
const datagramSockets = new Map<
  number,
  { readonly socket: UdpSocket; readonly arrivals: Arrivals<Datagram> }
>()
const listeners = new Map<number, { readonly server: Server; readonly arrivals: Arrivals<number> }>()
const streams = new Map<number, Stream>()

const endpoint = (address: string | undefined, port: number | undefined): string => `${address}:${port}`

function split(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(':')
  return { host: text.slice(0, colon), port: Number(text.slice(colon + 1)) }
}

/** Lines of text, and how it ended: `end`, or an error's code. */
function take(socket: Socket): number {
  const handle = ++handles
  const lines = new Arrivals<string>()
  let rest = ''
  socket.setEncoding('utf8').on('data', (data: string) => {
    const parts = (rest + data).split('\n')
    rest = parts.pop()!
    for (const part of parts) lines.put(part)
  })
  const ended = new Promise<string>((resolve) => {
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.once('end', () => resolve('end'))
  })
  void ended.then((how) => lines.put(how))
  streams.set(handle, { socket, lines, ended })
  return handle
}

const methods = {
  /** Opens a UDP socket. */
  udp: (at: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const { host, port } = split(at)
      const socket = createSocket('udp4')
      const arrivals = new Arrivals<Datagram>()
      socket.on('message', (text, { address, port: from }) =>
        arrivals.put({ from: endpoint(address, from), text: text.toString('latin1') }),
      )
      socket.once('error', reject)
      socket.bind(port, host, () => {
        // An ICMP error that came for an earlier datagram.
        socket.on('error', () => undefined)
        datagramSockets.set(++handles, { socket, arrivals })
        resolve(handles)
      })
    }),
  send: (handle: number, to: string, text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const { host, port } = split(to)
      datagramSockets
        .get(handle)!
        .socket.send(Buffer.from(text, 'latin1'), port, host, (error) =>
          error === null ? resolve() : reject(error),
        )
    }),
  receive: (handle: number): Promise<Datagram> => datagramSockets.get(handle)!.arrivals.next(),
  /** Answers each datagram with the endpoint that it came from. */
  mirror(handle: number): void {
    const { socket } = datagramSockets.get(handle)!
    socket.on('message', (_, { address, port }) => socket.send(endpoint(address, port), port, address))
  },
  closeUdp(handle: number): void {
    datagramSockets.get(handle)!.socket.close()
    datagramSockets.delete(handle)
  },

  listen: (at: string): Promise<number> =>
    new Promise((resolve, reject) => {
      const { host, port } = split(at)
      const arrivals = new Arrivals<number>()
      const server = createServer((socket) => arrivals.put(take(socket)))
      server.once('error', reject)
      server.listen(port, host, BACKLOG, () => {
        listeners.set(++handles, { server, arrivals })
        resolve(handles)
      })
    }),
  /** The next connection and who it comes from. */
  async accept(handle: number): Promise<{ handle: number; from: string }> {
    const stream = await listeners.get(handle)!.arrivals.next()
    const { remoteAddress, remotePort } = streams.get(stream)!.socket
    return { handle: stream, from: endpoint(remoteAddress, remotePort) }
  },
  /** Answers each line of each connection with what it came from, and itself. */
  mirrorLines(handle: number): void {
    listeners.get(handle)!.server.on('connection', (socket) => {
      const from = endpoint(socket.remoteAddress, socket.remotePort)
      socket.on('data', (data) => socket.write(String(data).replaceAll('\n', ` ${from}\n`)))
      socket.on('error', () => undefined)
    })
  },
  connect: (to: string, from: string): Promise<{ handle: number; from: string }> =>
    new Promise((resolve, reject) => {
      const local = split(from)
      const socket = connect({ ...split(to), localAddress: local.host, localPort: local.port })
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve({ handle: take(socket), from: endpoint(socket.localAddress, socket.localPort) })
      })
    }),
  write(handle: number, line: string): void {
    streams.get(handle)!.socket.write(`${line}\n`)
  },
  read: (handle: number): Promise<string> => streams.get(handle)!.lines.next(),
  ended: (handle: number): Promise<string> => streams.get(handle)!.ended,
  close(handle: number): void {
    streams.get(handle)!.socket.end()
  },

  /** Opens `count` connections, all before the first of them sends; the number that came back whole. */
  async many(to: string, count: number): Promise<number> {
    const opened = await Promise.all(Array.from({ length: count }, () => methods.connect(to, '0.0.0.0:0')))
    const answers = opened.map(async ({ handle }, index) => {
      methods.write(handle, `line ${index}`)
      const answer = await methods.read(handle)
      methods.close(handle)
      return answer.startsWith(`line ${index} `)
    })
    return (await Promise.all(answers)).filter(Boolean).length
  },
}

serveMethods(methods)

export type StationMethods = typeof methods
