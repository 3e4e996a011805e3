import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { linkEnvironment, parseLink } from '../../../src/control/rules/link-environment.ts'
import { parseSignal, signalNumber } from '../../../src/control/rules/stop-signal.ts'
import { assertRefused } from './refusal.ts'

describe('--link', () => {
  it('takes a name, an alias, and what inspect shows', () => {
    assert.deepEqual(parseLink('db'), { child: 'db', alias: 'db' })
    assert.deepEqual(parseLink('db:store'), { child: 'db', alias: 'store' })
    assert.deepEqual(parseLink('/db:/web/store'), { child: 'db', alias: 'store' })
  })
  it('refuses anything else', () => {
    assertRefused(() => parseLink(''), 'SANDBOX_INVALID', 'empty string specified for links')
    for (const text of ['a:b:c', 'a:', ':b', 'a b', 'a:b c']) {
      assertRefused(() => parseLink(text), 'SANDBOX_INVALID', `bad format for links: ${text}`)
    }
  })
})

describe("a link's environment", () => {
  const link = {
    parent: 'web',
    alias: 'my-db',
    address: '172.17.0.2',
    exposedPorts: [],
    environment: ['PASSWORD=a=b', 'HOME=/root', 'PATH=/bin', 'EMPTY=', 'NOTHING'],
  }
  it('has the name and the environment', () => {
    assert.deepEqual(linkEnvironment(link), [
      'MY_DB_NAME=/web/my-db',
      'MY_DB_ENV_PASSWORD=a=b',
      'MY_DB_ENV_EMPTY=',
    ])
  })
  it('has the ports, of which the lowest is the link’s', () => {
    assert.deepEqual(
      linkEnvironment({ ...link, environment: [], exposedPorts: ['53/udp', '6379/tcp', '53/tcp'] }),
      [
        'MY_DB_PORT=tcp://172.17.0.2:53',
        'MY_DB_PORT_53_TCP=tcp://172.17.0.2:53',
        'MY_DB_PORT_53_TCP_ADDR=172.17.0.2',
        'MY_DB_PORT_53_TCP_PORT=53',
        'MY_DB_PORT_53_TCP_PROTO=tcp',
        'MY_DB_PORT_53_UDP=udp://172.17.0.2:53',
        'MY_DB_PORT_53_UDP_ADDR=172.17.0.2',
        'MY_DB_PORT_53_UDP_PORT=53',
        'MY_DB_PORT_53_UDP_PROTO=udp',
        'MY_DB_PORT_6379_TCP=tcp://172.17.0.2:6379',
        'MY_DB_PORT_6379_TCP_ADDR=172.17.0.2',
        'MY_DB_PORT_6379_TCP_PORT=6379',
        'MY_DB_PORT_6379_TCP_PROTO=tcp',
        'MY_DB_NAME=/web/my-db',
      ],
    )
  })
  it('has the ends of a range', () => {
    const exposedPorts = ['8000/tcp', '8001/tcp', '8002/tcp', '9000/udp', '9001/udp']
    const ends = linkEnvironment({ ...link, exposedPorts }).filter((variable) =>
      /_(START|END)=/.test(variable),
    )
    assert.deepEqual(ends, [
      'MY_DB_PORT_8000_TCP_START=tcp://172.17.0.2:8000',
      'MY_DB_PORT_8000_TCP_PORT_START=8000',
      'MY_DB_PORT_8000_TCP_END=tcp://172.17.0.2:8002',
      'MY_DB_PORT_8000_TCP_PORT_END=8002',
    ])
  })
})

describe('a signal', () => {
  it('has a name in either case, with SIG or without, and a number', () => {
    for (const text of ['SIGTERM', 'sigterm', 'TERM', 'term', '15'])
      assert.equal(parseSignal(text), 'SIGTERM')
    assert.deepEqual(['SIGPOLL', 'cld', 'IOT', '1', '31'].map(parseSignal), [
      'SIGIO',
      'SIGCHLD',
      'SIGABRT',
      'SIGHUP',
      'SIGSYS',
    ])
  })
  it('has the number that the kernel has for it', async () => {
    const { constants } = await import('node:os')
    for (let number = 1; number <= 31; number++) {
      const signal = parseSignal(String(number))
      assert.equal(constants.signals[signal], number, signal)
      assert.equal(signalNumber(signal), number)
    }
  })
  it('is told where it is a number that none has', () =>
    assertRefused(() => parseSignal('99'), 'SANDBOX_INVALID', 'the linux daemon does not support signal 99'))
  for (const text of ['', '0', '-1', 'SIG', 'SIGRTMIN', 'TERM ', '1e1']) {
    it(`is not '${text}'`, () =>
      assertRefused(() => parseSignal(text), 'SANDBOX_INVALID', `invalid signal: ${text}`))
  }
})
