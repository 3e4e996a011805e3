import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import { type DecisionStep, explainSentence } from '../../src/inspect/explain-text.ts'
import { repositoryRoot } from '../support/repository.ts'

const sentence = (
  stage: string,
  verdict: string,
  values: DecisionStep['values'] = {},
  reason?: string,
): string => explainSentence({ stage, verdict, values, reason })

describe('a decision in words', () => {
  const WORDS: readonly [stage: string, verdict: string, values: DecisionStep['values'], sentence: string][] =
    [
      [
        'link',
        'delay',
        { way: 'from', interface: 'eth0', sandbox: 'web', delayUs: 10_500, jitterUs: 500, waiting: 0 },
        'The link from eth0 of web delays it by 10.5 ms, give or take up to 500 µs.',
      ],
      [
        'link',
        'delay',
        { way: 'to', interface: 'eth0', sandbox: 'web', delayUs: 10_000, jitterUs: 0, waiting: 3 },
        'The link to eth0 of web delays it by 10 ms.',
      ],
      ['link', 'may-lose', { port: 3, way: 'to', loss: 0.01 }, 'The link loses one frame in 100.'],
      [
        'link',
        'may-corrupt',
        { way: 'from', interface: 'up0', corrupt: 0.3 },
        'The link from up0 turns one bit over of 30 % of all frames.',
      ],
      ['link', 'may-double', { duplicate: 1 }, 'The link doubles every frame.'],
      ['link', 'may-lose', { loss: 0.000_001 }, 'The link loses one frame in 1000000.'],
      [
        'link',
        'may-go-ahead',
        { reorder: 0.999_999 },
        'The link lets 99.9999 % of all frames go ahead of those that wait.',
      ],
      [
        'link',
        'serialise',
        { way: 'to', interface: 'eth0', sandbox: 'db', rate: 1_500_000, length: 60, waiting: 1 },
        'The link to eth0 of db carries 1.5 Mbit/s: the frame waits for the 1 frame before it.',
      ],
      ['link', 'serialise', { rate: 9600, waiting: 0 }, 'The link carries 9.6 kbit/s.'],
      [
        'ingress',
        'accept',
        { port: 3, interface: 'eth0', sandbox: 'web', network: 'blue', length: 58 },
        'The switch takes the frame of 58 bytes from eth0 of web, on network blue.',
      ],
      [
        'ingress',
        'accept',
        { port: 9, interface: 'up0', sandbox: '' },
        'The switch takes the frame from up0.',
      ],
      [
        'guard',
        'accept',
        { mac: '02:00:00:00:00:01', address: '10.0.0.2' },
        'It may come from there: the port was given 02:00:00:00:00:01 and 10.0.0.2.',
      ],
      [
        'bridge',
        'forward',
        { mac: '02:00:00:00:00:01', interface: 'peer:192.0.2.3', entry: 'static' },
        'Its target 02:00:00:00:00:01 is in the MAC table: it lives behind peer:192.0.2.3, a static entry.',
      ],
      [
        'bridge',
        'flood',
        { ports: 4 },
        'Nobody is known to have its target address: the frame goes to all other ports, 4 in number.',
      ],
      [
        'bridge',
        'flood',
        { ports: 4, mac: 'ff:ff:ff:ff:ff:ff', group: true },
        'Its target ff:ff:ff:ff:ff:ff is an address of many: the frame goes to all other ports, 4 in number.',
      ],
      [
        'tunnel',
        'encapsulate',
        {
          host: 'two',
          address: '192.0.2.2',
          vni: 4096,
          network: 'wide',
          outerLength: 78,
          local: '192.0.2.1',
          udpPort: 4789,
          source: 3,
          sources: 16,
          mtu: 1450,
        },
        'It goes into the tunnel to the host two at 192.0.2.2, with network identifier 4096, on network wide, as a UDP packet of 78 bytes from 192.0.2.1 to port 4789; its source port is number 3 of 16, by the hash of the flow. The way takes packets of up to 1450 bytes.',
      ],
      [
        'tunnel',
        'encapsulate',
        { address: '192.0.2.2', pieces: 'fragments' },
        'It goes into the tunnel to the host 192.0.2.2, in fragments.',
      ],
      [
        'tunnel',
        'replicate',
        { addresses: '192.0.2.2, 192.0.2.3', more: 0, vni: 7 },
        'A copy goes into the tunnel to each host that is a peer on the network (head-end replication): 192.0.2.2, 192.0.2.3, with network identifier 7.',
      ],
      [
        'service',
        'choose',
        {
          service: 'web',
          address: '10.1.0.9',
          backend: '10.1.0.2',
          sandbox: 'bob',
          host: 'two',
          backends: 2,
          score: 3 * 2 ** 30,
          next: '10.1.0.3',
          nextScore: 2 ** 30,
        },
        'It is for service web at 10.1.0.9, which has chosen 10.1.0.2 (bob) on host two for it, of 2 backends: its score 0.750, a hash of the flow and the backend, is the highest, before 0.250 of 10.1.0.3.',
      ],
      [
        'service',
        'choose',
        { service: 'web', backend: '10.1.0.2', sandbox: '', host: '', backends: 1, score: 0 },
        'It is for service web, which has chosen 10.1.0.2.',
      ],
      [
        'names',
        'choose',
        {
          address: '10.1.0.2',
          sandbox: 'bob',
          host: 'two',
          addresses: '10.1.0.2, 10.1.0.3',
          more: 4,
          answers: 6,
          next: '10.1.0.3',
        },
        'The packet goes to the first address of the answer, 10.1.0.2 (bob) on host two, of 6: 10.1.0.2, 10.1.0.3 and 4 more; the next answer begins with 10.1.0.3.',
      ],
      [
        'names',
        'choose',
        { address: '10.1.0.2', sandbox: 'bob', host: '', addresses: '10.1.0.2', more: 0 },
        'The packet goes to the first address of the answer, 10.1.0.2 (bob).',
      ],
      [
        'neighbour',
        'remote',
        { address: '10.1.0.2', host: 'two', mac: '02:00:00:00:00:01' },
        '10.1.0.2 is on another host, two: this router hands packets for it to the router there, whose MAC address in the tunnel is 02:00:00:00:00:01.',
      ],
      [
        'cluster',
        'stale',
        { since: '' },
        'The registry of the cluster has not answered: of other hosts is known what it said before.',
      ],
      [
        'router',
        'packet',
        { source: '10.0.0.2', destination: '192.0.2.9', ttl: 64 },
        'The router looks at the packet from 10.0.0.2 to 192.0.2.9, with a TTL of 64.',
      ],
      [
        'flow',
        'known',
        { number: 17, original: '10.0.0.2:4000 → 192.0.2.9:80', state: 'established', direction: 'reply' },
        'It belongs to connection #17 in the table, begun as 10.0.0.2:4000 → 192.0.2.9:80: established, reply direction.',
      ],
      [
        'published-port',
        'match',
        {
          id: 1,
          address: '203.0.113.1',
          port: 8080,
          targetAddress: '172.18.0.2',
          targetPort: 80,
          network: 'blue',
        },
        'It is meant for the published port 203.0.113.1:8080, which leads to 172.18.0.2:80 on network blue.',
      ],
      [
        'source-nat',
        'translate',
        {
          oldAddress: '10.0.0.2',
          oldPort: 4000,
          address: '203.0.113.1',
          port: 61_000,
          by: 'masquerading',
        },
        'Its source 10.0.0.2:4000 becomes 203.0.113.1:61000, by masquerading.',
      ],
      [
        'source-nat',
        'translate',
        { oldAddress: '10.0.0.2', oldIdentifier: 9, address: '203.0.113.1', identifier: 7 },
        'Its source 10.0.0.2 (identifier 9) becomes 203.0.113.1 (identifier 7).',
      ],
      [
        'route',
        'match',
        { prefix: '0.0.0.0/0', place: 'the uplink', nextHop: '203.0.113.254' },
        'The route 0.0.0.0/0 leads to the uplink, by the next hop 203.0.113.254.',
      ],
      [
        'route',
        'match',
        { prefix: '172.18.0.0/16', network: 'blue' },
        'The route 172.18.0.0/16 leads to network blue.',
      ],
      [
        'egress',
        'transmit',
        { interface: 'up0', sandbox: '', place: 'the uplink' },
        'It leaves by up0, the uplink.',
      ],
      ['answer', 'echo-reply', {}, 'The router answers with an echo reply.'],
      ['names', 'search', { name: 'web.front', type: 'A' }, 'The question is for web.front, type A.'],
      [
        'names',
        'link',
        { name: 'db', target: 'pg', network: 'blue' },
        'db is a link of the sandbox that asks, and stands for pg on network blue.',
      ],
      [
        'names',
        'match',
        { name: 'www', kind: 'alias', network: 'blue', host: 7, hosts: 2 },
        'www is an alias on network blue, that of 2 sandboxes.',
      ],
      [
        'names',
        'match',
        { name: 'web', kind: 'sandbox', network: 'blue', host: 0, hosts: 1 },
        'web is the name of a sandbox on network blue.',
      ],
      [
        'names',
        'match',
        { name: '0123456789ab', kind: 'short-id', network: 'blue' },
        '0123456789ab is a short id on network blue.',
      ],
      ['names', 'match', { name: 'h1', kind: 'hostname' }, 'h1 is a host name.'],
      ['names', 'miss', { name: 'web', network: 'blue' }, 'Nothing is called web on network blue.'],
      ['outside', 'forwarded', { server: '192.0.2.53' }, 'The server 192.0.2.53 has answered.'],
      [
        'outside',
        'forwarded',
        { server: '192.0.2.53', rcode: 'NXDOMAIN' },
        'The server 192.0.2.53 has answered NXDOMAIN.',
      ],
      [
        'outside',
        'cached',
        { server: '192.0.2.53', rcode: 'NOERROR' },
        'The answer was kept from an earlier question to 192.0.2.53: NOERROR.',
      ],
      ['outside', 'cached', {}, 'The answer was kept from an earlier question.'],
    ]
  for (const [stage, verdict, values, words] of WORDS) {
    it(`${stage} ${verdict}: ${words}`, () => assert.equal(sentence(stage, verdict, values), words))
  }

  it('has words for each that the data path writes down', () => {
    const source = ['explain.ts', 'explain-router.ts']
      .map((file) => readFileSync(join(repositoryRoot, 'src/datapath', file), 'utf8'))
      .join('')
    const said = [...source.matchAll(/\.say\('([\w-]+)', '([\w-]+)'/g)]
    assert.ok(said.length > 20)
    const values = {
      mac: 'M',
      address: 'A',
      interface: 'I',
      network: 'N',
      from: 'F',
      to: 'T',
      prefix: 'P',
      targetAddress: 'B',
    }
    for (const [, stage = '', verdict = ''] of said)
      assert.doesNotMatch(sentence(stage, verdict, values), new RegExp(`^${stage}:`))
  })

  it('has words for each end of a question', () => {
    const ends: Readonly<Record<string, readonly string[]>> = {
      names: ['answer', 'empty', 'nxdomain', 'forward', 'refused', 'malformed', 'unsupported'],
      outside: ['forwarded', 'cached', 'failed', 'closed', 'refused'],
    }
    for (const [stage, verdicts] of Object.entries(ends))
      for (const verdict of verdicts)
        assert.match(sentence(stage, verdict, { server: '192.0.2.53' }), /^[A-Z][^[\]{}]+\.$/)
  })

  it('says of a drop why', () => {
    for (const { name, sentence: words } of DROP_REASONS)
      assert.equal(sentence('bridge', 'drop', { port: 1 }, name), words)
    assert.equal(sentence('bridge', 'drop', {}, 'boredom'), 'It is dropped: boredom.')
  })

  it('tells plainly what it has no words for, or not all values of', () => {
    assert.equal(
      sentence('teleport', 'accept', { to: 'mars', fast: true }),
      'teleport: accept (to mars, fast true).',
    )
    assert.equal(sentence('teleport', 'accept'), 'teleport: accept.')
    assert.equal(
      sentence('neighbour', 'known', { address: '10.0.0.2' }),
      'neighbour: known (address 10.0.0.2).',
    )
  })
})
