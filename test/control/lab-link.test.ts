import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { labSchema } from '../../src/control/lab.ts'
import { parseLab } from '../../src/control/lab-file.ts'
import { cableOf } from '../../src/control/lab-link.ts'
import { formatLabProblem, LabFileError } from '../../src/control/lab-problem.ts'
import { labText } from '../../src/control/lab-text.ts'

function problemsOf(text: string): string[] {
  try {
    parseLab(text, 'lab.yaml')
  } catch (error) {
    assert.ok(error instanceof LabFileError, String(error))
    return error.problems.map((problem) => formatLabProblem(problem).slice('lab.yaml:'.length))
  }
  return []
}

const withLink = (link: string): string => `networks: { web: }
sandboxes:
  alice:
    networks:
      web:
        link: ${link}
`
const linkOf = (link: string) => parseLab(withLink(link), 'lab.yaml').sandboxes[0]!.endpoints[0]!.link

const HOSTS = `
hosts:
  left: { uplink: { via: nic:eth0, link: { delay: 50ms, to: { rate: 1mbit } } } }
  right: { uplink: nic:eth0 }
links:
  - { between: [left, right], link: { delay: 10ms, to: { delay: 20ms } } }
  - { between: [left, right], link: { from: { down: true } } }
  - { between: [left, right] }
`

describe('a link in a lab file', () => {
  it('is of both directions, but for what stands under one', () => {
    assert.deepEqual(linkOf('{ delay: 1000us, loss: 1% }'), {
      from: { delay: '1ms', loss: '1%' },
      to: { delay: '1ms', loss: '1%' },
    })
    assert.deepEqual(linkOf('{ delay: 10ms, from: { loss: 1%, seed: 7 }, to: { delay: 20ms } }'), {
      from: { delay: '10ms', loss: '1%', seed: 7 },
      to: { delay: '20ms' },
    })
    assert.deepEqual(linkOf('{ to: { down: true, queue: 5 } }'), { to: { down: true, queue: 5 } })
    assert.equal(linkOf('{ loss: 0%, down: false }'), undefined)
    assert.equal(linkOf('{}'), undefined)
  })

  it('that is wrong is told with its place', () => {
    for (const [link, told] of [
      ['{ delay: 50 }', '6:24: delay must be text such as 50ms, not 50; write "50"'],
      ["{ delay: '50' }", "6:24: delay '50' has no unit; write 50ms, 50us or 50s"],
      ['{ dealy: 50ms }', "6:17: unknown key 'dealy'; did you mean 'delay'?"],
      ['{ from: { loss: 0.5% , los: 1% } }', "6:38: unknown key 'los'; did you mean 'loss'?"],
      ['{ to: { loss: 101% } }', "6:29: loss '101%' is more than 100%; write 100% for all frames"],
      [
        '{ rate: 10mbps }',
        "6:23: rate '10mbps' may be bits or bytes a second; write 10mbit for bits, 80mbit for bytes",
      ],
      ['{ queue: 0 }', '6:24: queue must be a whole number from 1 to 100000, not 0'],
      [
        '{ delay: 5ms, from: { jitter: 6ms } }',
        '6:45: jitter 6ms is above the delay of 5ms: no frame can leave before it has come; make the delay 6ms at least, or the jitter 5ms at most',
      ],
      ['slow', "6:15: link must be a map of settings, such as { delay: 50ms, loss: 1% }, not 'slow'"],
    ] as const) {
      assert.deepEqual(problemsOf(withLink(link)), [told], link)
    }
  })

  it('of a cable is that of what each of its ends sends, and of an uplink its own', () => {
    const { hosts, links } = parseLab(HOSTS, 'lab.yaml')
    const ends = hosts.map(({ endpoints }) => endpoints.map(({ link }) => link))
    assert.deepEqual(ends, [
      [{ from: { delay: '10ms' } }, { from: { down: true } }, undefined],
      [{ from: { delay: '20ms' } }, undefined, undefined],
    ])
    assert.deepEqual(
      links.map(({ link }) => link),
      [{ from: { delay: '10ms' }, to: { delay: '20ms' } }, { from: { down: true } }, undefined],
    )
    assert.deepEqual(
      hosts.map(({ uplink, uplinkLink }) => [uplink, uplinkLink]),
      [
        ['nic:eth0', { from: { delay: '50ms' }, to: { delay: '50ms', rate: '1mbit' } }],
        ['nic:eth0', undefined],
      ],
    )
    assert.deepEqual(problemsOf('hosts: { left: { uplink: { link: { delay: 5ms } } } }'), [
      '1:18: via is missing; it must be an uplink, such as nic:eth0',
    ])
    assert.deepEqual(problemsOf("hosts: { left: { uplink: { via: nic, link: { delay: '5' } } } }"), [
      "1:53: delay '5' has no unit; write 5ms, 5us or 5s",
    ])
  })

  it('is written as short as it can be, and read back as what it was', () => {
    for (const text of [
      withLink('{ delay: 10ms, seed: 7 }'),
      withLink('{ delay: 10ms, to: { loss: 1% } }'),
      HOSTS,
    ]) {
      const lab = parseLab(text, 'lab.yaml')
      assert.deepEqual(labSchema.parse(JSON.parse(JSON.stringify(lab))), lab)
      const written = labText(lab, { named: true })
      assert.deepEqual(parseLab(written, 'lab.yaml'), lab)
      assert.equal(labText(parseLab(written, 'lab.yaml'), { named: true }), written)
    }
    const short = labText(parseLab(withLink('{ delay: 10ms, from: { delay: 10ms } }'), 'lab.yaml'), {
      named: true,
    })
    assert.match(short, /link:\n +delay: 10ms\n$/)
  })
})

describe('a cable of what its ends do', () => {
  const one = { delay: '1ms' }
  const two = { delay: '2ms' }

  it('is what is sent and what is sent to, as far as each way has one of them', () => {
    assert.deepEqual(cableOf({ from: one }, { from: two }), { cable: { from: one, to: two }, isWhole: true })
    assert.deepEqual(cableOf({ to: one }, { to: two }), { cable: { from: two, to: one }, isWhole: true })
    assert.deepEqual(cableOf(undefined, { to: two }), { cable: { from: two }, isWhole: true })
    assert.deepEqual(cableOf({ from: one }, { to: two }), { cable: { from: one }, isWhole: false })
    assert.deepEqual(cableOf(undefined, undefined), { cable: undefined, isWhole: true })
  })
})
