import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

const CUT_LATER = 100

/** A proxy on loopback, between a client and a server there, which does to them what networks do. */
export class TcpProxy {
  readonly #server: Server
  readonly #target: number
  readonly #sockets = new Set<Socket>()
  /** Whether connections are taken, or cut at once. */
  open = true
  /** Takes everything, and passes nothing on. */
  #held = false
  /** Bytes from the server that pass in one piece. */
  pieceLength = Number.POSITIVE_INFINITY
  /** Bytes from the server behind which a connection is cut; the next one a few later, so that a long line gets through in the end. */
  cutBehind = Number.POSITIVE_INFINITY
  cuts = 0
  /** Told of everything that the server sends. */
  heard: (text: string) => void = () => {}

  private constructor(target: number) {
    this.#target = target
    this.#server = createServer((client) => this.#connect(client))
  }

  static async start(target: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(target)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get host(): string {
    return '127.0.0.1'
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  hold(): void {
    this.#held = true
    for (const socket of this.#sockets) socket.pause()
  }

  /** Cuts what there is, and takes nothing until `open` is set. */
  cut(): void {
    this.open = false
    this.#cutAll()
  }

  stop(): void {
    this.#cutAll()
    this.#server.close()
  }

  #cutAll(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  #connect(client: Socket): void {
    this.#track(client)
    if (!this.open) {
      client.destroy()
      return
    }
    if (this.#held) {
      client.pause()
      return
    }
    const server = connect(this.#target, '127.0.0.1')
    this.#track(server)
    const cutBehind = this.cutBehind
    let passed = 0
    client.on('close', () => server.destroy())
    server.on('close', () => client.destroy())
    client.on('data', (chunk) => server.write(chunk))
    server.on('data', (chunk) => {
      this.heard(chunk.toString())
      const left = cutBehind - passed
      passed += chunk.length
      this.#pass(client, chunk.subarray(0, Math.max(0, left)))
      if (passed < cutBehind) return
      this.cuts++
      this.cutBehind += CUT_LATER
      client.end()
      server.destroy()
    })
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {}).on('close', () => this.#sockets.delete(socket))
  }

  #pass(client: Socket, chunk: Buffer): void {
    client.setNoDelay(true)
    for (let at = 0; at < chunk.length; at += this.pieceLength)
      client.write(chunk.subarray(at, Math.min(chunk.length, at + this.pieceLength)))
  }
}
