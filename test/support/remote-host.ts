import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { NetworkNamespace, plainEnvironment } from './network-namespace.ts'

const ip = (...args: readonly string[]): void =>
  void execFileSync('ip', args, { env: plainEnvironment(), stdio: ['ignore', 'ignore', 'pipe'] })

/** Another machine on a wire to the one that the test runs on, which must be in a namespace of its own. */
export class RemoteHost {
  /** Of the test's machine, on the wire. */
  static readonly near = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' }
  readonly namespace = new NetworkNamespace()

  constructor() {
    ip('link', 'add', 'wire0', 'type', 'veth', 'peer', 'name', 'wire1', 'netns', this.namespace.name)
    ip('address', 'add', '192.0.2.1/24', 'dev', 'wire0')
    ip('address', 'add', '2001:db8::1/64', 'dev', 'wire0', 'nodad')
    ip('link', 'set', 'wire0', 'up')
    this.namespace.ip('address', 'add', '192.0.2.2/24', 'dev', 'wire1')
    this.namespace.ip('address', 'add', '2001:db8::2/64', 'dev', 'wire1', 'nodad')
    this.namespace.ip('link', 'set', 'wire1', 'up')
  }

  /**
   * Asks a port of the test's machine something, then a free one, and tells what has come back of the first when the refusal of
   * the second is there. The wire keeps the order.
   */
  async ask(protocol: 'tcp' | 'udp', address: string, port: number, freePort: number): Promise<string> {
    const script = `
      import net from 'node:net'
      import dgram from 'node:dgram'
      import { setImmediate } from 'node:timers/promises'
      const ask = (port, tell) => {
        if ('${protocol}' === 'tcp') {
          const socket = net.connect(port, '${address}', () => tell('connected'))
          socket.on('error', (error) => tell(error.code))
        } else {
          const socket = dgram.createSocket('${address.includes(':') ? 'udp6' : 'udp4'}')
          socket.on('error', (error) => tell(error.code))
          socket.on('message', () => tell('answered'))
          socket.connect(port, '${address}', () => socket.send('x'))
        }
      }
      let first = 'silent'
      ask(${port}, (what) => { first = what })
      await setImmediate()
      ask(${freePort}, async (what) => {
        await setImmediate()
        await setImmediate()
        console.log(first, what)
        process.exit()
      })`
    const { stdout } = await promisify(execFile)(
      'ip',
      ['netns', 'exec', this.namespace.name, process.execPath, '--input-type=module', '-e', script],
      { env: plainEnvironment() },
    )
    const [first = '', second] = stdout.trim().split(' ')
    assert.equal(second, 'ECONNREFUSED')
    return first
  }

  remove(): void {
    ip('link', 'delete', 'wire0')
    this.namespace.remove()
  }
}
