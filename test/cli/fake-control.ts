/** Serves the daemon's API on a real socket, with recorded answers: for tests of the command line alone. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { NetworkInspect } from '../../src/control/api/network.ts'
import type { SandboxInspect, SandboxSummary } from '../../src/control/api/sandbox.ts'
import { API_VERSION, API_VERSION_HEADER, STREAM_PROTOCOL } from '../../src/control/api-version.ts'
import { encodeFrame, type Frame, FrameDecoder } from '../../src/control/shim-frames.ts'

export interface SeenRequest {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** As it was asked for: query names may stand there more than once. */
  readonly url: string
  /** Parsed JSON; undefined where there was none. */
  readonly body: unknown
}

/** What to answer: a value as JSON, undefined for 204, or a Failure with a status; or a promise of it. */
export type Answer = (request: SeenRequest) => unknown

export class Failure {
  readonly status: number
  readonly message: string

  constructor(status: number, message: string) {
    this.status = status
    this.message = message
  }
}

/** An answer in pieces as they come; where they end with an error the connection is cut. */
export class FakeFile {
  readonly headers: Readonly<Record<string, string>>
  readonly pieces: AsyncIterable<Uint8Array>

  constructor(headers: Readonly<Record<string, string>>, pieces: AsyncIterable<Uint8Array>) {
    this.headers = headers
    this.pieces = pieces
  }
}

/** The daemon's end of an attach or exec stream. */
export class FakeStream {
  readonly frames: Frame[] = []
  readonly #socket: Duplex
  #onFrame: (frame: Frame) => void = () => {}

  constructor(socket: Duplex) {
    this.#socket = socket
    const decoder = new FrameDecoder()
    socket.on('error', () => {})
    socket.on('end', () => socket.end())
    socket.on('data', (chunk: Buffer) => {
      decoder.push(chunk)
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
        const kept = { type: frame.type, payload: Buffer.from(frame.payload) }
        this.frames.push(kept)
        this.#onFrame(kept)
      }
    })
  }

  /** From here on; those before are in `frames`. */
  onFrame(listener: (frame: Frame) => void): void {
    this.#onFrame = listener
  }

  send(type: number, payload: string | Uint8Array = ''): void {
    this.#socket.write(encodeFrame(type, typeof payload === 'string' ? Buffer.from(payload) : payload))
  }

  exit(code: number): void {
    const payload = Buffer.alloc(4)
    payload.writeInt32BE(code)
    this.send(4, payload)
    this.#socket.end()
  }

  hangUp(): void {
    this.#socket.destroy()
  }
}

export class FakeControl {
  readonly socket: string
  readonly seen: SeenRequest[] = []
  /** By `METHOD /path`, with `*` for a segment. */
  readonly answers = new Map<string, Answer>()
  version: string | undefined = API_VERSION
  onStream: (stream: FakeStream, request: SeenRequest) => void = () => {}
  readonly #server: Server

  static async serve(socket: string): Promise<FakeControl> {
    const control = new FakeControl(socket)
    await new Promise<void>((resolve, reject) =>
      control.#server.once('error', reject).listen(socket, resolve),
    )
    return control
  }

  private constructor(socket: string) {
    this.socket = socket
    this.#server = createServer((request, response) => {
      void this.#handle(request, response)
    })
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      socket.unshift(head)
      void this.#upgrade(request, socket)
    })
  }

  close(): Promise<void> {
    this.#server.closeAllConnections()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  /** `METHOD /path?query` of what was asked for. */
  get asked(): string[] {
    return this.seen.map(({ method, path, query }) => {
      const text = new URLSearchParams(query).toString()
      return `${method} ${path}${text === '' ? '' : `?${text}`}`
    })
  }

  async #answer(seen: SeenRequest): Promise<{ status: number; text: string } | FakeFile> {
    this.seen.push(seen)
    const key = `${seen.method} ${seen.path}`
    const found = [...this.answers].find(([pattern]) =>
      new RegExp(`^${pattern.replaceAll('*', '[^/]+')}$`).test(key),
    )
    const value = found === undefined ? new Failure(404, `The daemon has no ${key}.`) : await found[1](seen)
    if (value instanceof Failure) {
      return { status: value.status, text: JSON.stringify({ code: 'FAKE', message: value.message }) }
    }
    if (value instanceof FakeFile) return value
    if (value === undefined) return { status: 204, text: '' }
    return { status: 200, text: typeof value === 'string' ? value : JSON.stringify(value) }
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#answer(await read(request))
    if (this.version !== undefined) response.setHeader(API_VERSION_HEADER, this.version)
    if (answer instanceof FakeFile) return await send(answer, response)
    response.writeHead(answer.status).end(answer.text)
  }

  async #upgrade(request: IncomingMessage, socket: Duplex): Promise<void> {
    // Node leaves the body of such a request on the connection.
    const length = Number(request.headers['content-length'] ?? 0)
    let body = ''
    while (body.length < length) {
      const chunk = socket.read(length) as Buffer | null
      if (chunk === null) await new Promise((resolve) => socket.once('readable', resolve))
      else body += chunk.toString()
    }
    const seen = seenOf(request, body)
    const known = this.answers.has(`UPGRADE ${seen.path}`)
    const refusal = known ? this.answers.get(`UPGRADE ${seen.path}`)!(seen) : undefined
    this.seen.push({ ...seen, method: 'UPGRADE' })
    const version = `${API_VERSION_HEADER}: ${this.version}\r\n`
    if (refusal instanceof Failure) {
      const text = JSON.stringify({ code: 'FAKE', message: refusal.message })
      socket.end(`HTTP/1.1 ${refusal.status} No\r\n${version}Content-Length: ${text.length}\r\n\r\n${text}`)
      return
    }
    if ((seen.body as { Detach?: boolean } | undefined)?.Detach === true) {
      socket.end(`HTTP/1.1 201 Created\r\n${version}Content-Length: 0\r\n\r\n`)
      return
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\n${version}Connection: Upgrade\r\nUpgrade: ${STREAM_PROTOCOL}\r\n\r\n`,
    )
    this.onStream(new FakeStream(socket), seen)
  }
}

async function send({ headers, pieces }: FakeFile, response: ServerResponse): Promise<void> {
  response.writeHead(200, headers).flushHeaders()
  try {
    for await (const piece of pieces) response.write(piece)
    response.end()
  } catch {
    response.destroy()
  }
}

async function read(request: IncomingMessage): Promise<SeenRequest> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return seenOf(request, body)
}

function seenOf({ method = '', url = '' }: IncomingMessage, body: string): SeenRequest {
  const { pathname, searchParams } = new URL(url, 'http://daemon')
  return {
    method,
    path: decodeURIComponent(pathname),
    query: Object.fromEntries(searchParams),
    url,
    body: body === '' ? undefined : JSON.parse(body),
  }
}

export const WEB_ID = `5ab5${'0'.repeat(60)}`

export const NETWORK: NetworkInspect = {
  Name: 'blue',
  Id: `b1e0${'0'.repeat(60)}`,
  Created: '2026-01-02T03:04:05.678901234Z',
  Scope: 'local',
  Driver: 'bridge',
  EnableIPv4: true,
  EnableIPv6: false,
  IPAM: { Driver: 'default', Options: {}, Config: [{ Subnet: '172.18.0.0/16', Gateway: '172.18.0.1' }] },
  Internal: false,
  Attachable: false,
  Ingress: false,
  ConfigFrom: { Network: '' },
  ConfigOnly: false,
  Containers: {},
  Options: {},
  Labels: { 'com.example.team': 'red' },
}

const ENDPOINT = {
  IPAMConfig: null,
  Links: null,
  Aliases: ['5ab500000000'],
  MacAddress: '02:42:ac:12:00:02',
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: NETWORK.Id,
  EndpointID: `e0${'0'.repeat(62)}`,
  Gateway: '172.18.0.1',
  IPAddress: '172.18.0.2',
  IPPrefixLen: 16,
  IPv6Gateway: '',
  GlobalIPv6Address: '',
  GlobalIPv6PrefixLen: 0,
  DNSNames: ['web', '5ab500000000'],
  InterfaceName: 'eth0',
}

/** Created `ageS` seconds before `nowMs`. */
export function summary(nowMs: number, ageS: number): SandboxSummary {
  return {
    Id: WEB_ID,
    Names: ['/web'],
    Command: 'python3 -m http.server 80',
    Created: Math.floor(nowMs / 1000) - ageS,
    State: 'running',
    Status: 'Up 3 minutes',
    Ports: [
      { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { IP: '0.0.0.0', PrivatePort: 81, PublicPort: 8081, Type: 'tcp' },
      { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
      { PrivatePort: 53, Type: 'udp' },
    ],
    Labels: { a: 'b', 'com.example.my-team': 'red' },
    HostConfig: { NetworkMode: 'blue' },
    NetworkSettings: { Networks: { green: ENDPOINT, blue: ENDPOINT } },
  }
}

export const SANDBOX: SandboxInspect = {
  Id: WEB_ID,
  Created: '2026-01-02T03:04:05.678901234Z',
  Path: 'sleep',
  Args: ['5'],
  State: {
    Status: 'running',
    Running: true,
    Pid: 4242,
    ExitCode: 0,
    Error: '',
    StartedAt: '2026-01-02T03:04:06.000000001Z',
    FinishedAt: '0001-01-01T00:00:00Z',
  },
  ResolvConfPath: '/r/resolv.conf',
  HostnamePath: '/r/hostname',
  HostsPath: '/r/hosts',
  LogPath: '/r/log.json',
  Name: '/web',
  Config: {
    Hostname: '5ab500000000',
    Domainname: '',
    Tty: false,
    OpenStdin: true,
    Env: ['A=1'],
    Cmd: ['sleep', '5'],
    WorkingDir: '/',
    Labels: { a: 'b' },
    StopSignal: 'SIGTERM',
    StopTimeout: 10,
  },
  HostConfig: {
    NetworkMode: 'blue',
    AutoRemove: false,
    PortBindings: {},
    PublishAllPorts: false,
    Dns: [],
    DnsSearch: [],
    DnsOptions: [],
    ExtraHosts: [],
    Links: null,
  },
  NetworkSettings: {
    SandboxID: WEB_ID,
    SandboxKey: '/run/netns/tw-5ab500000000',
    Ports: {
      '443/tcp': [{ HostIp: '0.0.0.0', HostPort: '8443' }],
      '80/tcp': [
        { HostIp: '0.0.0.0', HostPort: '8080' },
        { HostIp: '::', HostPort: '8080' },
      ],
      '53/udp': null,
    },
    Networks: { blue: ENDPOINT },
    DefaultRoute: {
      IPv4: { Network: 'blue', Gateway: '172.18.0.1', Reason: 'It is the only one.' },
      IPv6: { Network: '', Gateway: '', Reason: 'No endpoint has one.' },
    },
  },
}
