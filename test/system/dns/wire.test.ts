/**
 * What passes on a network while dig asks, as tcpdump records it in the sandbox: tshark reads every message and finds nothing wrong with it,
 * and what it reads is what dns-packet reads.
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Answer, decode } from 'dns-packet'
import { needs, needsTap } from '../../support/requirements.ts'
import { BAD_CHECKSUM, CHECK_CHECKSUMS } from '../../support/tshark-checksums.ts'
import { Recording } from '../support/capture.ts'
import { NameScene } from '../support/name-scene.ts'
import { assertNoPackets, readTables, tableOptions } from '../support/packet-tables.ts'
import { run } from '../support/program.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'setpriv', 'ethtool', 'dig', 'tcpdump', 'tshark')

const QUESTIONS = [
  'web A',
  'WeB.Front A',
  'web AAAA',
  'web ANY',
  'web MX',
  'shared A',
  'shared AAAA',
  'web HTTPS',
  'nobody A',
  'nobody.example AAAA',
  '2.1.85.10.in-addr.arpa PTR',
  '9.1.85.10.in-addr.arpa PTR',
  '_80._tcp.web SRV',
  '_80._tcp.shared SRV',
  'web A -c CH',
  'web A +edns=1 +noednsneg',
  'web A +opcode=status',
  'web A +header-only',
  `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)} A`,
] as const

const WAYS = ['', ' +edns=0 +bufsize=512', ' +edns=0 +bufsize=4096 +dnssec +cookie', ' +tcp'] as const

/** Warnings and errors of the dissectors. A header without a question is what was asked for: it is not one that dig should send. */
const WRONG_RESPONSE = '(_ws.malformed || _ws.expert.severity >= 0x600000) && dns.flags.response == 1'

const FIELDS = [
  'dns.flags.response',
  'udp.payload',
  'tcp.payload',
  'dns.id',
  'dns.flags.rcode',
  'dns.flags.authoritative',
  'dns.flags.truncated',
  'dns.flags.recavail',
  'dns.count.queries',
  'dns.count.answers',
  'dns.count.auth_rr',
  'dns.count.add_rr',
  'dns.qry.name',
  'dns.resp.name',
  'dns.resp.ttl',
  'dns.a',
  'dns.aaaa',
  'dns.ptr.domain_name',
  'dns.srv.port',
  'dns.srv.target',
] as const
type Field = (typeof FIELDS)[number]

const LENGTH_SIZE = 2

describe('questions and answers on the wire', { skip }, () => {
  let scene: NameScene
  /** What tshark says of the messages, by whether they are responses: a line each. */
  const messages = { 0: [] as string[], 1: [] as string[] }
  /** And of what is wrong: by the filter of those frames, how many there are of which protocol. */
  let wrong: ReadonlyMap<string, string>

  before(async () => {
    scene = await NameScene.start()
    const pools = [{ Subnet: '10.85.1.0/24' }, { Subnet: 'fd00:85:1::/64' }]
    await scene.daemon.call('POST', '/networks', { Name: 'front', EnableIPv6: true, IPAM: { Config: pools } })
    // By the letters of their names, the addresses follow one another.
    for (const name of ['web', 'wide']) {
      await scene.sandbox(name, { front: { Aliases: ['shared'] } }, { ExposedPorts: { '80/tcp': {} } })
    }
    // Nothing is left to the interface: what comes has its checksums, and so has what is sent.
    await scene.sandbox('app', { front: { DriverOpts: { 'tapwire.offload': 'false' } } })
    await scene.on('app', 'ethtool', '-K', 'eth0', 'tx', 'off')
    const recording = await Recording.start(scene.place('app'))
    for (const way of WAYS) await Promise.all(QUESTIONS.map((question) => scene.ask('app', question + way)))
    await recording.stop()
    await read(recording.file)
  })
  after(() => scene.stop())

  async function read(file: string): Promise<void> {
    const fields = FIELDS.flatMap((field) => ['-e', field])
    const form = ['-T', 'fields', '-E', 'aggregator=;', ...fields]
    const wanted = tableOptions([BAD_CHECKSUM, WRONG_RESPONSE])
    const said = await run({}, 'tshark', '-n', '-r', file, ...CHECK_CHECKSUMS, ...form, ...wanted)
    const { before: rows, tables } = readTables(said)
    wrong = tables
    for (const row of rows.split('\n')) {
      if (row.startsWith('0\t')) messages[0].push(row)
      if (row.startsWith('1\t')) messages[1].push(row)
    }
  }

  it('every checksum is right', () => assertNoPackets(wrong.get(BAD_CHECKSUM)))

  it('tshark has nothing to say against any of it', () => assertNoPackets(wrong.get(WRONG_RESPONSE)))

  it('each question has one answer, and tshark and dns-packet read it alike', () => {
    const rows = messages[1]
    assert.equal(rows.length, QUESTIONS.length * WAYS.length)
    assert.equal(messages[0].length, rows.length)
    for (const row of rows) {
      const values = row.split('\t')
      const theirs = Object.fromEntries(FIELDS.map((field, i) => [field, values[i] ?? '']))
      assert.deepEqual(readAgain(theirs as Record<Field, string>), withoutPayload(theirs), row)
    }
  })
})

const withoutPayload = (fields: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(fields).filter(([name]) => !name.endsWith('.payload') && name !== 'dns.flags.response'),
  )

/** What dns-packet reads in the same bytes, in tshark's words. */
function readAgain(theirs: Readonly<Record<Field, string>>): Record<string, string> {
  const isTcp = theirs['udp.payload'] === ''
  const bytes = Buffer.from(theirs[isTcp ? 'tcp.payload' : 'udp.payload'], 'hex')
  const message = isTcp ? bytes.subarray(LENGTH_SIZE) : bytes
  if (isTcp) assert.equal(bytes.readUInt16BE(), message.length)
  const packet = decode(message)
  const { questions = [], answers = [], authorities = [], additionals = [] } = packet
  const records = [...answers, ...authorities, ...additionals].filter(({ type }) => type !== 'OPT')
  const all = (values: readonly unknown[]): string => values.join(';')
  const data = (type: Answer['type'], pick = (value: unknown): unknown => value): string =>
    all(records.flatMap((record) => (record.type === type && 'data' in record ? [pick(record.data)] : [])))
  const service = (value: unknown) => value as { port: number; target: string }
  const bit = (value: boolean): string => (value ? '1' : '0')
  const flag = (mask: number): string => bit((message.readUInt16BE(2) & mask) !== 0)
  const hasOpt = additionals.some(({ type }) => type === 'OPT')
  return {
    'dns.id': `0x${message.readUInt16BE(0).toString(16).padStart(4, '0')}`,
    'dns.flags.rcode': String(message.readUInt16BE(2) & 0xf),
    'dns.flags.authoritative': flag(0x4_00),
    'dns.flags.truncated': flag(0x2_00),
    'dns.flags.recavail': flag(0x80),
    'dns.count.queries': String(questions.length),
    'dns.count.answers': String(answers.length),
    'dns.count.auth_rr': String(authorities.length),
    'dns.count.add_rr': String(additionals.length),
    'dns.qry.name': all(questions.map(({ name }) => name)),
    // tshark has a word of its own for the root's name, and another field for that of a service, which it takes apart.
    'dns.resp.name': all([
      ...records.filter(({ type }) => type !== 'SRV').map(({ name }) => name),
      ...(hasOpt ? ['<Root>'] : []),
    ]),
    'dns.resp.ttl': all(records.map((record) => ('ttl' in record ? record.ttl : ''))),
    'dns.a': data('A'),
    'dns.aaaa': data('AAAA'),
    'dns.ptr.domain_name': data('PTR'),
    'dns.srv.port': data('SRV', (value) => service(value).port),
    'dns.srv.target': data('SRV', (value) => service(value).target),
  }
}
