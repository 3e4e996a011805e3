/** What could stand in place of the last word of a command line: for the completion of shells. */
import { networkInterfaces } from 'node:os'
import type { Argument, Option } from 'commander'
import type { ClusterStatus } from '../control/api/cluster.ts'
import type { DnsRecords } from '../control/api/dns.ts'
import type { Links } from '../control/api/link.ts'
import type { NetworkInspect } from '../control/api/network.ts'
import type { SandboxSummary } from '../control/api/sandbox.ts'
import type { ServiceInspect } from '../control/api/service.ts'
import { COMPLETION_TIMEOUT_MS } from '../limits.ts'
import { apiClientOfRunning } from './api-client.ts'
import type { Cli } from './cli.ts'
import { COMMANDS } from './command-list.ts'
import { plural } from './output.ts'
import { addCommands, createProgram } from './program.ts'
import type { ProgramCommand } from './program-command.ts'

export interface Candidate {
  readonly value: string
  readonly description: string
}

/** `files`: the shell knows better. */
export type Completion = readonly Candidate[] | 'files'

/** Completes the last of `words`, which stand behind the program's name. Never throws, and starts no daemon. */
export async function complete(cli: Cli, words: readonly string[]): Promise<Completion> {
  try {
    const program = createProgram(cli)
    await addCommands(program, cli, COMMANDS, program.wordsFrom(words.slice(0, -1)))
    const last = words.at(-1) ?? ''
    const place = findPlace(program, words.slice(0, -1))
    program.parseOptions(words.slice(0, -1))
    cli.globals = program.opts()
    const found = await candidatesAt(cli, place, last)
    return found === 'files' ? found : found.filter(({ value }) => value.startsWith(last))
  } catch {
    return []
  }
}

/** Where a word is about to stand. */
interface Place {
  readonly command: ProgramCommand
  /** It is the value of this option. */
  readonly option: Option | undefined
  /** How many arguments stand before it. */
  readonly position: number
  readonly takesOptions: boolean
}

function findPlace(program: ProgramCommand, words: readonly string[]): Place {
  let command = program
  let option: Option | undefined
  let position = 0
  let takesOptions = true
  for (const word of words) {
    if (option !== undefined) {
      option = undefined
    } else if (takesOptions && word === '--') {
      takesOptions = false
    } else if (takesOptions && word.startsWith('-')) {
      option = command.optionAwaitingValue(word)
    } else if (command.commands.length > 0) {
      command = command.commandNamed(word)
    } else {
      position += 1
      // What stands behind the first word of a program's command line belongs to that.
      if (command.registeredArguments[position - 1]?.name() === 'command') takesOptions = false
    }
  }
  return { command, option, position, takesOptions }
}

async function candidatesAt(cli: Cli, place: Place, last: string): Promise<Completion> {
  const { command, option, position, takesOptions } = place
  if (option !== undefined) return await valuesOf(cli, option, place)
  if (takesOptions && last.startsWith('-')) return await optionsOf(cli, place, last)
  if (command.commands.length > 0) {
    return command
      .createHelp()
      .visibleCommands(command)
      .filter((one) => one.name() !== 'help')
      .map((one) => ({ value: one.name(), description: one.summary() }))
  }
  const all = command.registeredArguments
  const argument = all[position] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined)
  return argument === undefined ? [] : await valuesOf(cli, argument, place)
}

async function optionsOf(cli: Cli, place: Place, last: string): Promise<Completion> {
  const [, name = ''] = /^(--[^=]+)=/.exec(last) ?? []
  const { command } = place
  if (name === '') {
    return command.options
      .filter((option) => !option.hidden && option.long !== undefined)
      .map((option) => ({ value: option.long!, description: option.description }))
  }
  const option = command.options.find((one) => one.long === name)
  const values = option === undefined ? [] : await valuesOf(cli, option, place)
  if (values === 'files') return values
  return values.map(({ value, description }) => ({ value: `${name}=${value}`, description }))
}

/** By the name of the value in the help: `<sandbox...>`, `--network <network>`. */
async function valuesOf(cli: Cli, of: Argument | Option, { command }: Place): Promise<Completion> {
  if (of.argChoices !== undefined) return of.argChoices.map((value) => ({ value, description: '' }))
  const kind = 'flags' in of ? (/<([^>]+)>/.exec(of.flags)?.[1] ?? '') : of.name()
  switch (kind.replace(/(\[.*|\.\.\.)$/, '')) {
    case 'sandbox':
      return await sandboxes(cli, WANTED_STATE[command.name()])
    case 'network':
      return await networks(cli)
    case 'service':
      return await services(cli)
    case 'away-host':
      return await hostsAway(cli)
    case 'place':
      return command.name() === 'capture' ? await capturePlaces(cli) : await places(cli)
    case 'name':
      return await names(cli, command.name())
    case 'type':
      return RECORD_TYPES.map((value) => ({ value, description: '' }))
    case 'lab':
      return await labs(cli)
    case 'source':
      return [...(await sandboxes(cli, 'running')), ADDRESS_WORDS.internet]
    case 'destination':
      return [...(await sandboxes(cli, 'running')), ...Object.values(ADDRESS_WORDS)]
    case 'uplink':
      return uplinks()
    case 'signal':
      return SIGNALS.map((value) => ({ value, description: '' }))
    case 'shell':
      return ['bash', 'zsh', 'fish'].map((value) => ({ value, description: '' }))
    case 'command':
    case 'file':
    case 'folder':
    case 'path':
    case 'lab.yaml':
      return 'files'
    default:
      return []
  }
}

/** Which sandboxes a command is for. */
const WANTED_STATE: Readonly<Record<string, 'running' | 'stopped'>> = {
  start: 'stopped',
  stop: 'running',
  kill: 'running',
  exec: 'running',
  attach: 'running',
  query: 'running',
}

/** What explain takes in place of an address. */
const ADDRESS_WORDS = {
  internet: { value: 'internet', description: 'any address beyond the uplink' },
  uplink: { value: 'uplink', description: "the uplink's own address" },
  gateway: { value: 'gateway', description: "the address of the source's gateway" },
}

/** Where a capture may look. */
async function capturePlaces(cli: Cli): Promise<Candidate[]> {
  const all = await ask<SandboxSummary[]>(cli, '/sandboxes')
  const running = all.filter(({ State }) => State === 'running')
  const endpoints = running.flatMap(({ Names, NetworkSettings }) =>
    Object.keys(NetworkSettings.Networks).map((network) => ({
      value: `${(Names[0] ?? '').replace(/^\//, '')}@${network}`,
      description: 'sandbox on a network',
    })),
  )
  return [
    { value: 'any', description: 'everything' },
    { value: 'uplink', description: 'what goes out and comes in' },
    { value: 'host', description: 'what the machine sends to published ports' },
    ...(await networks(cli)),
    ...(await sandboxes(cli, 'running')),
    ...endpoints,
  ]
}

function uplinks(): Candidate[] {
  const external = Object.entries(networkInterfaces()).filter(([, addresses]) =>
    addresses?.some(({ internal, family }) => !internal && family === 'IPv4'),
  )
  return [
    { value: 'nic', description: 'the interface of the default route' },
    ...external.map(([name, addresses]) => ({
      value: `nic:${name}`,
      description: addresses?.find(({ family }) => family === 'IPv4')?.address ?? '',
    })),
    { value: 'none', description: 'no way out' },
  ]
}

/** Those that the networks' names, and people, ask for most. */
const RECORD_TYPES = ['A', 'AAAA', 'PTR', 'SRV', 'MX', 'TXT', 'NS', 'CNAME', 'SOA', 'ANY']

const SIGNALS = ['HUP', 'INT', 'QUIT', 'KILL', 'USR1', 'USR2', 'TERM', 'CONT', 'STOP']

async function sandboxes(cli: Cli, wanted?: 'running' | 'stopped'): Promise<Candidate[]> {
  const all = await ask<SandboxSummary[]>(cli, '/sandboxes', { all: true })
  return all
    .filter(({ State }) => wanted === undefined || (State === 'running') === (wanted === 'running'))
    .map(({ Names, Status }) => ({ value: (Names[0] ?? '').replace(/^\//, ''), description: Status }))
}

async function networks(cli: Cli): Promise<Candidate[]> {
  const all = await ask<NetworkInspect[]>(cli, '/networks')
  return all.map(({ Name, Driver }) => ({ value: Name, description: Driver }))
}

async function services(cli: Cli): Promise<Candidate[]> {
  const all = await ask<ServiceInspect[]>(cli, '/services')
  return all.map(({ Name, Network }) => ({ value: Name, description: `service on ${Network.Name}` }))
}

/** Of the cluster: only they can be forgotten. */
async function hostsAway(cli: Cli): Promise<Candidate[]> {
  const { hosts } = await ask<ClusterStatus>(cli, '/cluster')
  return hosts
    .filter(({ present }) => !present)
    .map(({ name, addresses }) => ({
      value: name,
      description: `away, with ${plural(addresses, 'address')}`,
    }))
}

/** Of links. */
async function places(cli: Cli): Promise<Candidate[]> {
  const { links } = await ask<Links>(cli, '/links')
  return links.map(({ place, interface: name }) => ({ value: place, description: name }))
}

/** What a command that takes a name is about. */
async function names(cli: Cli, command: string): Promise<Candidate[]> {
  if (command === 'inspect') return [...(await sandboxes(cli)), ...(await networks(cli))]
  if (command !== 'query') return []
  const { records } = await ask<DnsRecords>(cli, '/dns/records')
  const byName = new Map(records.map(({ name, network }) => [name, network]))
  return [...byName].map(([value, network]) => ({ value, description: network }))
}

async function labs(cli: Cli): Promise<Candidate[]> {
  const all = await ask<{ readonly name: string }[]>(cli, '/labs')
  return all.map(({ name }) => ({ value: name, description: 'lab' }))
}

/** A daemon that takes its time is as none: someone waits with a finger on the key. */
function ask<T>(cli: Cli, path: string, query: Record<string, boolean> = {}): Promise<T> {
  const signal = AbortSignal.timeout(COMPLETION_TIMEOUT_MS)
  return apiClientOfRunning(cli).get<T>(path, { query, signal })
}
