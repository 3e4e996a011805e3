import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { repositoryRoot } from '../../support/repository.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { ControlDaemon } from '../support/control-daemon.ts'
import { Program } from '../support/program.ts'

const STREAM = join(repositoryRoot, 'dist/test/system/support/numbered-stream.js')

describe('a daemon that is killed', { skip: needsTap() || needs('ip') }, () => {
  let daemon: ControlDaemon
  before(async () => {
    daemon = await ControlDaemon.start()
    await daemon.network('blue', '10.71.0.0/24')
  })
  after(() => daemon.stop())

  const on = (network: string, ...Cmd: string[]): object => ({ Cmd, HostConfig: { NetworkMode: network } })

  it('leaves TCP connections that go on under the next one, and lose no byte', async () => {
    const server = await daemon.run('server', on('blue'))
    const client = await daemon.run('client', on('blue'))
    const { IPAddress } = await daemon.endpoint('server', 'blue')
    const echo = new Program(daemon.place(server), process.execPath, STREAM, 'echo', '7777')
    await echo.printed(/listening/)
    const talk = new Program(daemon.place(client), process.execPath, STREAM, 'talk', IPAddress, '7777', '5')
    for (const round of [1, 2]) {
      await moves(talk)
      await daemon.kill()
      await daemon.again()
      await moves(talk)
      assert.equal((await daemon.inspect('server')).State.Status, 'running', `round ${round}`)
    }
    const { code, output, errors } = await talk.stop('SIGTERM')
    assert.equal(code, 0, errors)
    assert.match(output, /every byte came back on one connection\n$/)
    await echo.stop()
  })

  describe('leaves to the next one', () => {
    let attached: Program
    let settings: unknown
    before(async () => {
      const count = 'trap "echo last; exit 3" TERM; i=0; while :; do echo $i; i=$((i+1)); sleep 0.02; done'
      await daemon.run('printer', on('blue', 'sh', '-c', count))
      await daemon.run('watched', on('blue', 'sh', '-c', 'while :; do echo tick; sleep 0.05; done'))
      attached = daemon.begin('attach', 'watched')
      await attached.printed(/tick/)
      await makeWhole()
      settings = await seen()
      await daemon.kill()
      await attached.end()
      await daemon.again()
    })

    it('a command that goes on printing, and the log has all of it', async () => {
      const follow = daemon.begin('logs', '-f', 'printer')
      await follow.printed(/\d/)
      await daemon.do('stop', 'printer')
      const lines = (await follow.end()).output.trimEnd().split('\n')
      assert.equal(lines.pop(), 'last')
      assert.deepEqual(lines.map(Number), [...lines.keys()])
      assert.equal((await daemon.inspect('printer')).State.ExitCode, 3)
    })

    it('a command that goes on, the command line that was attached to it has ended', async () => {
      const { code, errors } = await attached.end()
      assert.notEqual(code, 0)
      assert.match(errors, /^tapwire: /)
      assert.equal((await daemon.inspect('watched')).State.Status, 'running')
      await daemon.do('rm', '-f', 'watched')
    })

    it('what it acknowledged: settings of each kind are there as they were', async () => {
      assert.deepEqual(await seen(), settings)
    })

    async function makeWhole(): Promise<void> {
      await daemon.network('full', '10.72.0.0/24', {
        Labels: { a: 'b' },
        EnableIPv6: true,
        Options: { 'com.docker.network.driver.mtu': '1400' },
      })
      await daemon.run('whole', {
        Cmd: ['sleep', '1000'],
        Env: ['A=1'],
        Labels: { c: 'd' },
        Hostname: 'whole-host',
        HostConfig: { NetworkMode: 'full', Dns: ['10.0.0.53'], ExtraHosts: ['other:10.9.9.9'] },
        NetworkingConfig: { EndpointsConfig: { full: { Aliases: ['w'], GwPriority: 3 } } },
      })
      await daemon.connect('blue', 'whole', { IPAMConfig: { IPv4Address: '10.71.0.99' } })
      await daemon.call('POST', '/sandboxes?name=stopped', { Cmd: ['true'] })
    }

    const seen = async (): Promise<unknown> => ({
      sandboxes: await Promise.all(['whole', 'stopped', 'server'].map((name) => daemon.inspect(name))),
      network: await daemon.call('GET', '/networks/full'),
      etc: await daemon.inside('whole', 'cat', '/etc/hosts', '/etc/resolv.conf', '/etc/hostname'),
      interfaces: withoutProbing(await daemon.inside('whole', 'ip', '-o', 'address')),
      routes: await daemon.inside('whole', 'ip', 'route'),
    })
  })
})

/** The kernel asks for a second whether another has its link-local address, which is nothing of ours. */
const withoutProbing = (addresses: string): string => addresses.replaceAll(' tentative', '')

/** Resolves when the talk has moved on from where it is. */
async function moves(talk: Program): Promise<void> {
  const from = talk.output.length
  while (talk.output.length < from + 200) {
    await Promise.race([
      new Promise((resolve) => talk.child.stdout.once('data', resolve)),
      talk.ended.then(({ errors }) => assert.fail(`the talk has ended: ${errors}`)),
    ])
  }
}
