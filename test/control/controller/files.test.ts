import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Daemon, MemoryMachine, settled } from './memory-machine.ts'

async function run(daemon: Daemon, name: string, HostConfig: object, more: object = {}): Promise<string> {
  const { Id } = await daemon.controller.createSandbox(name, { Cmd: ['serve'], HostConfig, ...more })
  await daemon.controller.startSandbox(Id)
  await settled()
  return Id
}

const hosts = (machine: MemoryMachine, id: string): string[] =>
  machine.sandboxes.get(id)!.files.hosts!.split('\n')
const resolvConf = (machine: MemoryMachine, id: string): string =>
  machine.sandboxes.get(id)!.files.resolvConf!

describe('what a sandbox finds in /etc', () => {
  it('has its address on each network, for as long as it is there', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    await daemon.controller.createNetwork({ Name: 'net', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] } })
    await daemon.controller.createNetwork({ Name: 'more', IPAM: { Config: [{ Subnet: '10.2.0.0/24' }] } })
    const id = await run(daemon, 'c1', { NetworkMode: 'net' }, { Hostname: 'web', Domainname: 'test' })
    assert.ok(hosts(machine, id).includes('10.1.0.2\tweb.test web'))
    await daemon.controller.connect('more', { Container: 'c1' })
    assert.ok(hosts(machine, id).includes('10.2.0.2\tweb.test web'))
    await daemon.controller.disconnect('net', { Container: 'c1' })
    assert.ok(!hosts(machine, id).some((line) => line.startsWith('10.1.0.2\t')))
    assert.ok(hosts(machine, id).includes('10.2.0.2\tweb.test web'))
  })

  it("names the gateway once it is on a user's network, and the machine's server before", async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    await daemon.controller.createNetwork({ Name: 'net', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] } })
    const id = await run(daemon, 'c1', { NetworkMode: 'bridge' })
    assert.match(resolvConf(machine, id), /^nameserver 192\.0\.2\.53$/m)
    await daemon.controller.connect('net', { Container: 'c1' })
    assert.match(resolvConf(machine, id), /^nameserver 10\.1\.0\.1\noptions ndots:0$/m)
    assert.match(resolvConf(machine, id), /^# ExtServers: \[host\(192\.0\.2\.53\)\]$/m)
    await daemon.controller.disconnect('net', { Container: 'c1' })
    assert.match(resolvConf(machine, id), /^nameserver 192\.0\.2\.53$/m)
  })

  it('follows a sandbox that it is linked to: its end, its next address, its new network', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const target = await run(daemon, 'db', { NetworkMode: 'bridge' }, { Hostname: 'dbhost' })
    const id = await run(daemon, 'web', { NetworkMode: 'bridge', Links: ['db:database'] })
    const address = (): string =>
      daemon.controller.inspectSandbox('db').NetworkSettings.Networks['bridge']!.IPAddress
    const first = address()
    const linked = (): string[] => hosts(machine, id).filter((line) => line.includes('database'))
    assert.deepEqual(linked(), [`${first}\tdatabase dbhost db`])
    const { command } = machine.sandboxes.get(id)!
    assert.ok(command!.environment.includes('DATABASE_NAME=/web/database'))
    const inExec = async (): Promise<boolean> => {
      await daemon.controller.exec('web', { Cmd: ['env'], Detach: true })
      return machine.sandboxes.get(id)!.executed.at(-1)!.environment.includes('DATABASE_NAME=/web/database')
    }
    assert.ok(await inExec())

    await daemon.controller.stopSandbox('db', {})
    await settled()
    assert.deepEqual(linked(), [])
    assert.ok(!(await inExec()))
    // When the address that it had has rested, another one gets it, so it comes back elsewhere.
    await machine.pass(60_000)
    await run(daemon, 'other', { NetworkMode: 'bridge' })
    await daemon.controller.startSandbox(target)
    await settled()
    assert.notEqual(address(), first)
    assert.deepEqual(linked(), [`${address()}\tdatabase dbhost db`])
    await daemon.controller.disconnect('bridge', { Container: 'db' })
    assert.deepEqual(linked(), [])
  })

  it('is refused to one that is linked to a sandbox that does not run', async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    await daemon.controller.createSandbox('db', {})
    await assert.rejects(run(daemon, 'web', { Links: ['db:database'] }), {
      message: 'Cannot link to a non running container: /db AS /web/database',
    })
    assert.equal(machine.sandboxes.size, 0)
  })

  it("is the owner's for one that shares a network, also what changes later", async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    await daemon.controller.createNetwork({ Name: 'net', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] } })
    const owner = await run(daemon, 'owner', { NetworkMode: 'bridge' })
    const guest = await run(daemon, 'guest', { NetworkMode: 'container:owner' })
    const same = (): void =>
      assert.deepEqual(machine.sandboxes.get(guest)!.files, machine.sandboxes.get(owner)!.files)
    same()
    await daemon.controller.connect('net', { Container: 'owner' })
    assert.ok(hosts(machine, guest).some((line) => line.startsWith('10.1.0.2\t')))
    same()
    await daemon.controller.disconnect('net', { Container: 'owner' })
    same()
  })

  it("is the machine's in the mode host, with the extra hosts", async () => {
    const machine = new MemoryMachine()
    const daemon = await machine.boot()
    const id = await run(daemon, 'c1', { NetworkMode: 'host', ExtraHosts: ['other:10.9.9.9'] })
    assert.deepEqual(hosts(machine, id), ['127.0.0.1\tlocalhost', '10.9.9.9\tother', ''])
  })
})
