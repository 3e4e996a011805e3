import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { interfaceSettings } from '../../../src/control/fabric/router-translation.ts'
import type { FabricResolver, FabricUpstream } from '../../../src/control/model/names.ts'
import { Datapath } from '../../../src/daemon/datapath.ts'
import { DnsService } from '../../../src/daemon/dns/dns-service.ts'
import type { WayOut } from '../../../src/daemon/dns/outside.ts'
import { RelayAttachment } from '../../../src/daemon/relay/relay-attachment.ts'
import { NAMES_MAX, RELAY_DOMAIN } from '../../../src/limits.ts'
import { RCODE_SERVER_FAILURE, TYPE_AAAA, TYPE_PTR } from '../../../src/wire/dns.ts'
import { openDescriptors } from '../../support/descriptors.ts'
import { insideNamespace } from '../../support/inside-namespace.ts'
import {
  answering,
  answerTo,
  askByUdp,
  decoded,
  NameServer,
  question,
  rawId,
  TcpAsker,
} from '../../support/name-server.ts'
import { NetworkNamespace, plainEnvironment } from '../../support/network-namespace.ts'
import { needs, needsTap } from '../../support/requirements.ts'

const GATEWAY = '10.77.0.1'
const DOMAIN = 1
const ALICE = 1
const SERVERS = ['127.1.0.1', '127.1.0.2']
const LOOPBACK = '127.0.0.11'

const runProgram = promisify(execFile)

/** A sandbox on a network with names, the machine with two servers, and the service between them. */
class Lab {
  readonly folder = mkdtempSync(join(tmpdir(), 'tapwire-names-'))
  readonly sandbox = new NetworkNamespace()
  readonly warnings: string[] = []
  way: WayOut = 'open'
  #datapath: Datapath | undefined
  #relay: RelayAttachment | undefined
  #dns: DnsService | undefined

  get dns(): DnsService {
    return this.#dns!
  }

  get resolvConf(): string {
    return join(this.folder, 'resolv.conf')
  }

  /** `prepare` comes before all names. */
  async start(prepare: (datapath: Datapath) => Promise<unknown> = async () => {}): Promise<void> {
    this.setServers(...SERVERS)
    const datapath = await Datapath.start()
    this.#datapath = datapath
    await prepare(datapath)
    this.#relay = new RelayAttachment(datapath)
    this.#dns = new DnsService({
      nameServer: datapath.dns,
      relay: this.#relay,
      resolvConf: this.resolvConf,
      wayOut: () => this.way,
      log: { info: () => undefined, warn: (_: unknown, text = '') => this.warnings.push(text) },
    })
    await datapath.addDomain({ id: DOMAIN })
    const { path } = this.sandbox
    await datapath.addPort({ namespace: path, name: 'eth0', mtu: 1500, port: ALICE, domain: DOMAIN })
    await datapath.setInterface(DOMAIN, interfaceSettings(GATEWAY_SETTINGS))
    for (const command of ['link set lo up', 'address add 10.77.0.2/24 dev eth0', 'link set eth0 up']) {
      this.sandbox.ip(...command.split(' '))
    }
    await this.serve()
    await this.dns.setNamedHost(1, {
      domain: DOMAIN,
      ipv4: '10.77.0.2',
      ipv6: 'fd00::2',
      names: [
        { text: 'alice', kind: 'sandbox' },
        { text: 'www', kind: 'alias' },
      ],
      services: [{ protocol: 'tcp', first: 80, last: 80 }],
    })
    await this.setResolver()
  }

  serve(): Promise<void> {
    return this.dns.setZone(DOMAIN, { name: 'front', ttlS: 5, served: true })
  }

  setServers(...servers: readonly string[]): void {
    const text = servers.map((server) => `nameserver ${server}\n`).join('')
    writeFileSync(`${this.resolvConf}.new`, text)
    renameSync(`${this.resolvConf}.new`, this.resolvConf)
  }

  setResolver(changes: Partial<FabricResolver> = {}): Promise<void> {
    return this.dns.setResolver(ALICE, {
      ports: [ALICE],
      scopes: [{ domain: DOMAIN, links: [] }],
      upstream: { kind: 'machine' },
      singleLabelsStay: false,
      loopback: undefined,
      ...changes,
    })
  }

  /** By UDP to the gateway. */
  async ask(name: string, type?: number) {
    return decoded(await askByUdp(this.at(GATEWAY), question(name, type)))
  }

  at(address: string) {
    return { namespace: this.sandbox.path, address }
  }

  /** What `dig +short` prints. */
  async dig(...args: readonly string[]): Promise<string> {
    const line = [`--net=${this.sandbox.path}`, 'dig', '+short', '+tries=1', '+time=5', ...args]
    const { stdout } = await runProgram('nsenter', line, { env: plainEnvironment() })
    return stdout.trim()
  }

  async stop(): Promise<void> {
    await this.#dns?.close()
    await this.#datapath?.stop()
    this.#relay?.close()
    this.sandbox.remove()
    rmSync(this.folder, { recursive: true })
  }
}

const GATEWAY_SETTINGS = {
  address: GATEWAY,
  prefixLength: 24,
  mac: '02:42:0a:4d:00:01',
  mtu: 1500,
  mode: 'nat',
  internal: false,
  masquerade: true,
  hostIpv4: '',
  proxyArp: false,
  uplink: false,
} as const

/** No socket of UDP sends from there, and one of IP sends whatever it is given. */
const SEND_FROM_PORT_0 = `
import socket, struct, sys
message = bytes.fromhex(sys.argv[1])
ip = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
ip.sendto(struct.pack('!HHHH', 0, 53, 8 + len(message), 0) + message, ('${LOOPBACK}', 0))
`

const rcodesAndData = ({ rcode, answers }: ReturnType<typeof decoded>) => [
  rcode,
  ...answers.map(({ data }) => data),
]

insideNamespace(import.meta.url, () => {
  const skip = needsTap() || needs('ip', 'dig')

  describe('names on the machine', { skip }, () => {
    let lab: Lab
    let open: NameServer[] = []
    const serve = (...args: ConstructorParameters<typeof NameServer>): NameServer => {
      const server = new NameServer(...args)
      open.push(server)
      return server
    }
    const addressOf = (index: number) => ({ address: SERVERS[index]! })

    before(async () => {
      lab = new Lab()
      await lab.start()
    })
    after(() => lab.stop())
    beforeEach(async () => {
      lab.way = 'open'
      await lab.setResolver()
      await lab.dns.flushCache()
    })
    afterEach(async () => {
      for (const server of open) await server.close()
      open = []
    })

    it('are answered by the gateway, by UDP and TCP', async () => {
      assert.deepEqual(rcodesAndData(await lab.ask('alice')), [0, '10.77.0.2'])
      assert.deepEqual(rcodesAndData(await lab.ask('www.front', TYPE_AAAA)), [0, 'fd00::2'])
      assert.deepEqual(rcodesAndData(await lab.ask('2.0.77.10.in-addr.arpa', TYPE_PTR)), [0, 'alice.front.'])
      assert.equal(await lab.dig(`@${GATEWAY}`, 'alice'), '10.77.0.2')
      assert.equal(await lab.dig('+tcp', `@${GATEWAY}`, 'alice'), '10.77.0.2')
      assert.equal(await lab.dig('+tcp', `@${GATEWAY}`, '_80._tcp.alice', 'SRV'), '0 0 80 alice.front.')
    })

    it('that no network has are asked outside, by UDP and TCP, and the answer is remembered', async () => {
      const server = serve(addressOf(0), answering('192.0.2.80'))
      assert.deepEqual(rcodesAndData(await lab.ask('example.org')), [0, '192.0.2.80'])
      assert.equal(await lab.dig('+tcp', `@${GATEWAY}`, 'example.org'), '192.0.2.80')
      assert.equal(server.asked.length, 1)
      assert.equal(await lab.dns.flushCache(), 1)
      assert.equal(await lab.dig('+tcp', `@${GATEWAY}`, 'example.org'), '192.0.2.80')
      assert.equal(server.asked.length, 2)
      const { entries } = await lab.dns.entries(0, 100)
      const asked = entries.filter(({ name }) => name === 'example.org')
      assert.deepEqual(
        asked.map(({ verdict, server: by, answers, resolver }) => [verdict, by, answers, resolver]),
        ['forwarded', 'cached', 'forwarded'].map((verdict) => [verdict, SERVERS[0], 1, ALICE]),
      )
      for (const { atMs } of asked) assert.ok(Math.abs(atMs - Date.now()) < 60_000)
    })

    it('stand in the log with the same time whenever that is read', async () => {
      await lab.dig('+tcp', `@${GATEWAY}`, 'alice')
      const times = new Set<number>()
      for (let reading = 0; reading < 100; reading++) {
        const { entries } = await lab.dns.entries(0, 1)
        times.add(entries[0]!.atMs)
      }
      assert.equal(times.size, 1)
    })

    it('are asked of nobody while no uplink leads out', async () => {
      const server = serve(addressOf(0), answering('192.0.2.80'))
      lab.way = 'none'
      assert.deepEqual(rcodesAndData(await lab.ask('example.org')), [3])
      assert.equal(await lab.dig('+tcp', `@${GATEWAY}`, 'example.org'), '')
      assert.equal(server.asked.length, 0)
    })

    it('have no answer, but may have one later, while the uplink is down', async () => {
      const server = serve(addressOf(0), answering('192.0.2.80'))
      lab.way = 'down'
      assert.deepEqual(rcodesAndData(await lab.ask('example.org')), [RCODE_SERVER_FAILURE])
      assert.equal(server.asked.length, 0)
      lab.way = 'open'
      assert.deepEqual(rcodesAndData(await lab.ask('example.org')), [0, '192.0.2.80'])
    })

    it('are asked of no further server when the uplink has gone meanwhile', async () => {
      serve(addressOf(0), ({ message, reply }) => {
        lab.way = 'none'
        reply(answerTo(message, { rcode: RCODE_SERVER_FAILURE }))
      })
      const second = serve(addressOf(1), answering('192.0.2.2'))
      assert.deepEqual(rcodesAndData(await lab.ask('example.org')), [RCODE_SERVER_FAILURE])
      assert.equal(second.asked.length, 0)
    })

    it('are asked of the next server where one is dead, and of the first again when it is back', async () => {
      const second = serve(addressOf(1), answering('192.0.2.2'))
      assert.deepEqual(rcodesAndData(await lab.ask('one.example')), [0, '192.0.2.2'])
      serve(addressOf(0), answering('192.0.2.1'))
      await second.close()
      open = open.filter((server) => server !== second)
      assert.deepEqual(rcodesAndData(await lab.ask('two.example')), [0, '192.0.2.1'])
    })

    it('are asked of the next server where one fails', async () => {
      serve(addressOf(0), ({ message, reply }) => reply(answerTo(message, { rcode: RCODE_SERVER_FAILURE })))
      serve(addressOf(1), answering('192.0.2.2'))
      assert.deepEqual(rcodesAndData(await lab.ask('three.example')), [0, '192.0.2.2'])
    })

    it('are not believed of an answer with a wrong id, or about something else', async () => {
      serve(addressOf(0), ({ message, reply }) => {
        const wrongId = answerTo(message, { addresses: ['192.0.2.66'] })
        wrongId[0]! ^= 0xff
        reply(wrongId)
        reply(answerTo(question('other.example'), { addresses: ['192.0.2.67'] }))
        reply(answerTo(message, { addresses: ['192.0.2.80'] }))
      })
      assert.deepEqual(rcodesAndData(await lab.ask('four.example')), [0, '192.0.2.80'])
      const { servers } = await lab.dns.stats()
      assert.ok(servers.find(({ address }) => address === SERVERS[0])!.rejected >= 2)
    })

    it('that do not fit a datagram are asked by TCP', async () => {
      const addresses = Array.from({ length: 100 }, (_, last) => `192.0.2.${last}`)
      const server = serve(addressOf(0), ({ message, transport, reply }) =>
        reply(transport === 'udp' ? answerTo(message, { flags: 0x0200 }) : answerTo(message, { addresses })),
      )
      assert.equal((await lab.dig('+tcp', `@${GATEWAY}`, 'many.example')).split('\n').length, 100)
      assert.deepEqual(
        server.asked.map(({ transport }) => transport),
        ['udp', 'tcp'],
      )
      // And by UDP the asker is told to come again.
      assert.notEqual((await lab.ask('many.example')).flags & 0x0200, 0)
    })

    it("follow the machine's resolv.conf", async () => {
      serve(addressOf(0), answering('192.0.2.1'))
      serve({ address: '127.1.0.3' }, answering('192.0.2.3'))
      assert.deepEqual(rcodesAndData(await lab.ask('five.example')), [0, '192.0.2.1'])
      lab.setServers('127.1.0.3')
      for (;;) {
        const { servers } = await lab.dns.stats()
        if (servers.some(({ address }) => address === '127.1.0.3')) break
        await turn()
      }
      assert.deepEqual(rcodesAndData(await lab.ask('five.example')), [0, '192.0.2.3'])
      lab.setServers(...SERVERS)
      for (;;) {
        const { servers } = await lab.dns.stats()
        if (servers.every(({ address }) => address !== '127.1.0.3')) break
        await turn()
      }
    })

    it("are asked of a user's servers from the sandbox's own namespace, uplink or not", async () => {
      lab.way = 'none'
      const server = serve(lab.at('127.1.0.9'), answering('192.0.2.9'))
      const upstream: FabricUpstream = {
        kind: 'servers',
        servers: ['127.1.0.9'],
        namespace: lab.sandbox.path,
      }
      await lab.setResolver({ upstream })
      assert.deepEqual(rcodesAndData(await lab.ask('six.example')), [0, '192.0.2.9'])
      await lab.setResolver({ upstream })
      assert.deepEqual(rcodesAndData(await lab.ask('six.example')), [0, '192.0.2.9'])
      assert.equal(server.asked.length, 1)
      const { servers } = await lab.dns.stats()
      assert.ok(servers.some(({ address, resolver }) => address === '127.1.0.9' && resolver === ALICE))
      await lab.setResolver({ upstream: { ...upstream, namespace: '/run/netns/there-is-none' } })
      assert.deepEqual(rcodesAndData(await lab.ask('seven.example')), [RCODE_SERVER_FAILURE])
    })

    it('are no names outside for a sandbox that may not ask there', async () => {
      const server = serve(addressOf(0), answering('192.0.2.80'))
      await lab.setResolver({ upstream: { kind: 'none' } })
      assert.deepEqual(rcodesAndData(await lab.ask('example.org')), [3])
      assert.equal(server.asked.length, 0)
    })

    it('are no more than there is room for, and all stays as it was', async () => {
      const links = Array.from({ length: NAMES_MAX }, (_, i) => ({ alias: `alias-${i}`, target: 'alice' }))
      const scopes = [{ domain: DOMAIN, links }]
      await assert.rejects(lab.setResolver({ scopes, loopback: lab.sandbox.path }), { code: 'LIMIT_REACHED' })
      assert.deepEqual(rcodesAndData(await lab.ask('alice')), [0, '10.77.0.2'])
      assert.match(lab.sandbox.exec('ss', '-Hlntu', 'sport', '=', ':53'), /^$/)
    })

    it('are explained as the sandbox would be answered', async () => {
      serve(addressOf(0), answering('192.0.2.80'))
      const known = await lab.dns.resolve({ resolver: ALICE, name: 'alice', type: 1 })
      assert.deepEqual(
        [known.rcode, known.verdict, known.server, known.answers],
        ['NOERROR', 'answered', '', [{ name: 'alice', type: 'A', ttlS: 5, data: '10.77.0.2' }]],
      )
      assert.ok(known.steps.length > 0)
      const outside = await lab.dns.resolve({ resolver: ALICE, name: 'example.org', type: 1 })
      assert.deepEqual(
        [outside.verdict, outside.server, outside.answers[0]?.data, outside.steps.at(-1)],
        [
          'forwarded',
          SERVERS[0],
          '192.0.2.80',
          { stage: 'outside', verdict: 'forwarded', values: { server: SERVERS[0] } },
        ],
      )
      const again = await lab.dns.resolve({ resolver: ALICE, name: 'example.org', type: 1 })
      assert.equal(again.verdict, 'cached')
      lab.way = 'none'
      const closed = await lab.dns.resolve({ resolver: ALICE, name: 'example.org', type: 1 })
      assert.deepEqual(
        [closed.rcode, closed.verdict, closed.steps.at(-1)],
        ['NXDOMAIN', 'nxdomain', { stage: 'outside', verdict: 'closed', values: {} }],
      )
      const nothing = { resolver: ALICE, name: 'a..b', type: 1 }
      await assert.rejects(lab.dns.resolve(nothing), { code: 'BAD_REQUEST' })
    })

    describe("at 127.0.0.11 in the sandbox's namespace", () => {
      const loopback = () => ({ loopback: lab.sandbox.path })

      it('are answered by UDP and TCP, as those outside are', async () => {
        serve(addressOf(0), answering('192.0.2.80'))
        await lab.setResolver(loopback())
        for (const transport of ['+notcp', '+tcp']) {
          assert.equal(await lab.dig(transport, `@${LOOPBACK}`, 'alice'), '10.77.0.2')
          assert.equal(await lab.dig(transport, `@${LOOPBACK}`, 'example.org'), '192.0.2.80')
        }
      })

      it('have no more bytes by UDP than the asker takes', async () => {
        const addresses = Array.from({ length: 60 }, (_, last) => `192.0.2.${last}`)
        serve(addressOf(0), ({ message, transport, reply }) =>
          reply(
            transport === 'udp' ? answerTo(message, { flags: 0x0200 }) : answerTo(message, { addresses }),
          ),
        )
        await lab.setResolver(loopback())
        for (const [udpSize, most, count] of [
          [undefined, 512, 0],
          [1100, 1100, 60],
          [4096, 1232, 60],
        ] as const) {
          const asked = question('sixty.example', 1, udpSize)
          const bytes = await askByUdp(lab.at(LOOPBACK), asked)
          assert.ok(bytes.length <= most, `${bytes.length}`)
          assert.equal(rawId(bytes), rawId(asked))
          const { answers, flags } = decoded(bytes)
          if (count > 0) assert.equal(answers.length, count)
          else assert.notEqual(flags & 0x0200, 0)
        }
      })

      it('are for no datagram from port 0, which nothing can be sent to', {
        skip: needs('python3'),
      }, async () => {
        await lab.setResolver(loopback())
        lab.sandbox.exec('python3', '-c', SEND_FROM_PORT_0, Buffer.from(question('alice')).toString('hex'))
        assert.equal(await lab.dig(`@${LOOPBACK}`, 'alice'), '10.77.0.2')
      })

      it('are nowhere when it goes, and what was open with it is closed', async () => {
        const before = openDescriptors()
        await lab.setResolver(loopback())
        const client = new TcpAsker(lab.at(LOOPBACK))
        assert.ok(await client.ask(question('alice')))
        await lab.setResolver()
        await client.closed
        client.close()
        await turn()
        assert.deepEqual(openDescriptors(), before)
        assert.match(lab.sandbox.exec('ss', '-Hlntu', 'sport', '=', ':53'), /^$/)
      })

      it('are a warning where a program of the sandbox has the port, and are there when it has gone', async () => {
        const program = serve(lab.at('0.0.0.0'), answering('192.0.2.53'))
        lab.warnings.length = 0
        await lab.setResolver(loopback())
        assert.match(lab.warnings.join(), /a program in the sandbox has 127\.0\.0\.11 port 53/)
        assert.deepEqual(rcodesAndData(await lab.ask('alice')), [0, '10.77.0.2'])
        await program.close()
        open = open.filter((server) => server !== program)
        await lab.setResolver(loopback())
        assert.equal(await lab.dig(`@${LOOPBACK}`, 'alice'), '10.77.0.2')
      })

      it('are an error where there is no such namespace, and all stays as it was', async () => {
        await lab.setResolver(loopback())
        await assert.rejects(lab.setResolver({ loopback: '/run/netns/there-is-none' }), {
          code: 'SANDBOX_START',
          message: /^names cannot be answered at 127\.0\.0\.11 port 53: network namespace .* was not found/,
        })
        assert.equal(await lab.dig(`@${LOOPBACK}`, 'alice'), '10.77.0.2')
      })
    })
  })

  describe('a server that answers late', { skip }, () => {
    it('is not waited for, and not heard when another one has answered', async () => {
      const lab = new Lab()
      await lab.start()
      let late: (() => void) | undefined
      const first = new NameServer({ address: SERVERS[0]! }, (asked) => {
        late ??= () => asked.reply(answerTo(asked.message, { addresses: ['192.0.2.66'] }))
      })
      const second = new NameServer({ address: SERVERS[1]! }, answering('192.0.2.2'))
      assert.deepEqual(rcodesAndData(await lab.ask('late.example')), [0, '192.0.2.2'])
      late!()
      assert.deepEqual(rcodesAndData(await lab.ask('late.example')), [0, '192.0.2.2'])
      const { servers } = await lab.dns.stats()
      assert.deepEqual(
        servers.map(({ address, timeouts, answered }) => [address, timeouts, answered]),
        [
          [SERVERS[0], 1, 0],
          [SERVERS[1], 0, 1],
        ],
      )
      await first.close()
      await second.close()
      await lab.stop()
    })
  })

  describe('without a relay', { skip }, () => {
    it('gateways answer by UDP alone, and by TCP as soon as there is one', async () => {
      const lab = new Lab()
      let datapath: Datapath | undefined
      await lab.start((started) => {
        datapath = started
        // In its way.
        return started.addDomain({ id: RELAY_DOMAIN })
      })
      assert.match(lab.warnings.join(), /gateways answer names by UDP alone/)
      assert.deepEqual(rcodesAndData(await lab.ask('alice')), [0, '10.77.0.2'])
      const refused = new TcpAsker(lab.at(GATEWAY))
      assert.equal(await refused.ask(question('alice')), undefined)
      assert.equal(await refused.closed, true)
      refused.close()
      await datapath!.removeDomain(RELAY_DOMAIN)
      await lab.serve()
      assert.equal(await lab.dig('+tcp', `@${GATEWAY}`, 'alice'), '10.77.0.2')
      await lab.stop()
    })
  })

  describe('a service that is closed', { skip }, () => {
    it('leaves nothing open, whatever was under way', async () => {
      const warmUp = new Lab()
      await warmUp.start()
      await warmUp.stop()
      await turn()
      const before = openDescriptors()
      const lab = new Lab()
      await lab.start()
      await lab.setResolver({ loopback: lab.sandbox.path })
      const server = new NameServer({ address: SERVERS[0]! }, () => undefined)
      const client = new TcpAsker(lab.at(GATEWAY))
      client.send(question('slow.example'))
      const asked = lab.dns.resolve({ resolver: ALICE, name: 'slower.example', type: 1 })
      while (server.asked.length < 2) await turn()
      await lab.dns.close()
      assert.equal((await asked).rcode, 'SERVFAIL')
      await client.closed
      client.close()
      await server.close()
      await lab.stop()
      await turn()
      assert.deepEqual(openDescriptors(), before)
    })
  })
})
