/** Pools, addresses and error texts beside those of a real engine: the recordings in test/fixtures/docker. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parseArgs } from 'node:util'
import { Ipam } from '../../../src/control/ipam/ipam.ts'
import { pairPools } from '../../../src/control/ipam/pool-flags.ts'
import { repositoryRoot } from '../../support/repository.ts'

interface Step {
  readonly command: readonly string[]
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const stepsOf = (scenario: string): readonly Step[] => {
  const path = join(repositoryRoot, 'test/fixtures/docker', `${scenario}.json`)
  return (JSON.parse(readFileSync(path, 'utf8')) as { steps: Step[] }).steps
}

/** Docker's own network has the first of the default pools. */
function newIpam(): Ipam {
  const ipam = new Ipam({ hostId: 'host', now: () => 1_800_000_000_000, restS: 0 })
  ipam.addNetwork('bridge', { ipv4: true, ipv6: false, pools: [], wantsGateway: true, options: {} }, [])
  return ipam
}

const FLAGS = ['subnet', 'ip-range', 'gateway', 'aux-address'] as const

/** Does what `network create` was asked for, where that is about pools alone; the error's text, or undefined. */
function create(ipam: Ipam, args: readonly string[]): string | undefined | typeof OTHER {
  const { values, positionals } = parseArgs({
    args: [...args],
    strict: false,
    options: Object.fromEntries([
      ...FLAGS.map((name) => [name, { type: 'string', multiple: true }] as const),
      ['ipv6', { type: 'boolean' }],
    ]),
  })
  const others = Object.keys(values).filter(
    (name) => name !== 'ipv6' && !(FLAGS as readonly string[]).includes(name),
  )
  const [name] = positionals
  if (others.length > 0 || positionals.length !== 1 || name === undefined) return OTHER
  const [subnets, ranges, gateways, auxiliary] = FLAGS.map((flag) => (values[flag] ?? []) as string[])
  try {
    const named = Object.fromEntries(
      auxiliary!.map((text) => [text.split('=')[0]!, text.split('=')[1] ?? '']),
    )
    const pools = pairPools(subnets!, ranges!, gateways!, named)
    ipam.addNetwork(
      name,
      { ipv4: true, ipv6: values['ipv6'] === true, pools, wantsGateway: true, options: {} },
      [],
    )
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const OTHER = Symbol('about something else')

const docker = (text: string): string => text.replace(/^Error response from daemon: /, '').replace(/\n$/, '')

describe('what a real engine says', () => {
  it('of pools that it refuses, and of those that it takes', () => {
    const ipam = newIpam()
    let compared = 0
    for (const { command, code, stderr } of stepsOf('network-create-errors')) {
      const [noun, verb, ...args] = command
      if (noun !== 'network' || verb !== 'create' || !args.some((arg) => arg.startsWith('--'))) continue
      const said = create(ipam, args)
      if (said === OTHER) continue
      compared += 1
      assert.equal(said, code === 0 ? undefined : docker(stderr), command.join(' '))
    }
    assert.ok(compared >= 35, `only ${compared} commands were compared`)
  })

  it('of the default pools, until there are no more', () => {
    const ipam = newIpam()
    const chosen = new Map<string, string>()
    for (const { command, code, stdout, stderr } of stepsOf('ipam-pools')) {
      const [, verb, ...args] = command
      if (verb === 'create') {
        const said = create(ipam, args)
        assert.equal(said, code === 0 ? undefined : docker(stderr), command.join(' '))
        if (code === 0) chosen.set(args.at(-1)!, ipam.usage(args.at(-1)!)[0]!.subnet)
      } else if (verb === 'rm') {
        for (const name of args) ipam.removeNetwork(name)
      } else {
        const names = args.slice(2)
        const subnets = stdout.match(/\d+(\.\d+){3}\/\d+/g)
        assert.deepEqual(
          names.map((name) => chosen.get(name)),
          subnets,
        )
      }
    }
    assert.ok(chosen.size > 30)
  })
})
