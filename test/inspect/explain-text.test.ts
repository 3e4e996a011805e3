import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DROP_REASONS } from '../../src/datapath/drop-reason.ts'
import { type DecisionStep, explainSentence } from '../../src/inspect/explain-text.ts'

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
        'It may come from there: 02:00:00:00:00:01 and 10.0.0.2 belong to the port.',
      ],
      [
        'bridge',
        'flood',
        { ports: 4 },
        'Nobody is known to have its target address: the frame goes to all other ports, 4 in number.',
      ],
      [
        'flow',
        'known',
        { state: 'established', direction: 'reply' },
        'It belongs to a connection that is followed: established, reply direction.',
      ],
      [
        'published-port',
        'match',
        { id: 1, address: '', port: 8080, targetAddress: '172.18.0.2', targetPort: 80 },
        'Port 8080 is published: its destination becomes 172.18.0.2:80.',
      ],
      [
        'published-port',
        'match',
        { port: 8080, address: '203.0.113.1', targetAddress: '172.18.0.2', targetPort: 80 },
        'Port 8080 of 203.0.113.1 is published: its destination becomes 172.18.0.2:80.',
      ],
      [
        'source-nat',
        'translate',
        { address: '203.0.113.1', port: 61_000 },
        'Its source becomes 203.0.113.1:61000.',
      ],
      [
        'route',
        'match',
        { prefix: '0.0.0.0', prefixLength: 0, network: 'the uplink', nextHop: '203.0.113.254' },
        'The route 0.0.0.0/0 leads to the uplink, by the next hop 203.0.113.254.',
      ],
      ['answer', 'icmp', { type: 0, code: 0 }, 'The router answers with an echo reply.'],
      [
        'answer',
        'error',
        { type: 3, code: 13 },
        'The router answers with ICMP "communication administratively prohibited".',
      ],
      ['answer', 'icmp', { type: 11, code: 0 }, 'The router answers with ICMP "time exceeded".'],
      [
        'answer',
        'icmp',
        { type: 13, code: 0 },
        'The router answers with an ICMP message of type 13, code 0.',
      ],
      ['answer', 'rst', {}, 'The router answers with a TCP reset.'],
    ]
  for (const [stage, verdict, values, words] of WORDS) {
    it(`${stage} ${verdict}: ${words}`, () => assert.equal(sentence(stage, verdict, values), words))
  }

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
