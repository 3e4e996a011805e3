import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SandboxCreate } from '../../../src/control/api/sandbox.ts'
import type { Controller } from '../../../src/control/controller/controller.ts'
import { MemoryMachine, settled } from './memory-machine.ts'
import { assertConsistent, snapshot } from './snapshot.ts'

interface Refusal {
  readonly name: string
  readonly act: (controller: Controller) => Promise<unknown>
  readonly message: string | RegExp
  readonly exitCode?: number
}

const on = (network: string): SandboxCreate => ({ Cmd: ['serve'], HostConfig: { NetworkMode: network } })

/** Networks net and other, both with IPv4; sandboxes: up on net, down on net, and one in each other mode, all running. */
async function scene() {
  const machine = new MemoryMachine()
  const daemon = await machine.boot()
  const { controller } = daemon
  await controller.createNetwork({ Name: 'net', IPAM: { Config: [{ Subnet: '10.1.0.0/29' }] } })
  await controller.createNetwork({ Name: 'other' })
  await controller.createNetwork({ Name: 'settings', ConfigOnly: true })
  for (const [name, mode] of Object.entries({
    up: 'net',
    alone: 'none',
    machine: 'host',
    guest: 'container:up',
  })) {
    await controller.createSandbox(name, on(mode))
    await controller.startSandbox(name)
  }
  await controller.createSandbox('down', on('net'))
  await settled()
  return { machine, daemon }
}

const REFUSALS: readonly Refusal[] = [
  {
    name: 'a network that is not there',
    act: (c) => c.removeNetwork('nope'),
    message: 'network nope not found',
  },
  {
    name: 'a second network of a name',
    act: (c) => c.createNetwork({ Name: 'net' }),
    message: 'network with name net already exists',
  },
  {
    name: 'a driver that is not there',
    act: (c) => c.createNetwork({ Name: 'tunnel', Driver: 'ipvlan' }),
    message: 'plugin "ipvlan" not found',
  },
  {
    name: 'a pool that overlaps',
    act: (c) => c.createNetwork({ Name: 'twin', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] } }),
    message: 'invalid pool request: Pool overlaps with other one on this address space',
  },
  {
    name: 'removing a built-in network',
    act: (c) => c.removeNetwork('bridge'),
    message: 'bridge is a pre-defined network and cannot be removed',
  },
  {
    name: 'removing a network in use',
    act: (c) => c.removeNetwork('net'),
    message:
      /^error while removing network: network net has active endpoints \(name:"up" id:"[0-9a-f]{12}"\)$/,
  },
  {
    name: 'connecting twice',
    act: (c) => c.connect('net', { Container: 'up' }),
    message: 'endpoint with name up already exists in network net',
  },
  {
    name: 'connecting to host',
    act: (c) => c.connect('host', { Container: 'up' }),
    message: 'cannot connect container to host network - container must be created in host network mode',
  },
  {
    name: 'connecting one in mode host',
    act: (c) => c.connect('net', { Container: 'machine' }),
    message:
      'container sharing network namespace with another container or host cannot be connected to any other network',
  },
  {
    name: 'connecting one in mode container',
    act: (c) => c.connect('other', { Container: 'guest' }),
    message:
      'container sharing network namespace with another container or host cannot be connected to any other network',
  },
  {
    name: 'connecting one in mode none',
    act: (c) => c.connect('net', { Container: 'alone' }),
    message:
      'container cannot be connected to multiple networks with one of the networks in private (none) mode',
  },
  {
    name: 'disconnecting from a network that it is not on',
    act: (c) => c.disconnect('other', { Container: 'up' }),
    message: /^container [0-9a-f]{64} is not connected to network other$/,
  },
  {
    name: 'an address that another one has',
    act: async (c) => {
      const taken = c.inspectSandbox('up').NetworkSettings.Networks['net']!.IPAddress
      await c.createSandbox('twin', {
        ...on('net'),
        HostConfig: { NetworkMode: 'net', AutoRemove: true },
        NetworkingConfig: { EndpointsConfig: { net: { IPAMConfig: { IPv4Address: taken } } } },
      })
      await c.startSandbox('twin')
    },
    message: 'failed to set up container networking: Address already in use',
  },
  {
    name: 'a second sandbox of a name',
    act: (c) => c.createSandbox('up', on('net')),
    message:
      /^Conflict\. The container name "\/up" is already in use by container "[0-9a-f]{64}"\. You have to remove \(or rename\) that container to be able to reuse that name\.$/,
  },
  {
    name: 'a sandbox that is not there',
    act: (c) => c.startSandbox('nobody'),
    message: 'No such container: nobody',
  },
  {
    name: 'removing one that runs',
    act: (c) => c.removeSandbox('up', { force: false }),
    message:
      'cannot remove container "up": container is running: stop the container before removing or force remove',
  },
  {
    name: 'killing one that does not run',
    act: (c) => c.killSandbox('down', 'KILL'),
    message: /^cannot kill container: down: container [0-9a-f]{64} is not running$/,
  },
  {
    name: 'a command in one that does not run',
    act: (c) => c.exec('down', { Cmd: ['true'] }),
    message: /^container [0-9a-f]{64} is not running$/,
  },
  {
    name: 'renaming to the same name',
    act: (c) => c.renameSandbox('up', 'up'),
    message: 'Renaming a container with the same name as its current name',
  },
]

describe('what is refused', () => {
  for (const { name, act, message, exitCode = 1 } of REFUSALS) {
    it(`changes nothing, with one sentence: ${name}`, async () => {
      const { machine, daemon } = await scene()
      const before = snapshot(daemon, machine)
      await assert.rejects(act(daemon.controller), { name: 'TapwireError', message, exitCode })
      await settled()
      assert.deepEqual(snapshot(daemon, machine), before)
      assertConsistent(daemon, machine)
    })
  }
})
