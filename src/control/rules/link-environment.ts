/** What --link adds to the environment of the sandbox that links (the parent), about the one that it links to (the child). */

import { ErrorCode, TapwireError } from '../errors.ts'
import { printable } from './names.ts'
import { type PortProtocol, splitPort } from './port.ts'
import { eachPort } from './port-runs.ts'

export interface Link {
  /** Name of the sandbox that links. */
  readonly parent: string
  readonly alias: string
  /** Address of the child on the default bridge. */
  readonly address: string
  /** The child's, `80/tcp`, `3000-3009/tcp`. */
  readonly exposedPorts: readonly string[]
  /** The child's, `NAME=value`. */
  readonly environment: readonly string[]
}

interface Port {
  readonly number: number
  readonly protocol: PortProtocol
}

/** Ports of one protocol without a gap. */
interface Run {
  readonly first: Port
  readonly last: Port
}

/** `NAME=value` each, in Docker's order. */
export function linkEnvironment(link: Link): readonly string[] {
  const prefix = link.alias.toUpperCase().replaceAll('-', '_')
  const ports = eachPort(link.exposedPorts).map(splitPort).toSorted(comparePorts)
  const [first] = ports
  return [
    ...(first === undefined ? [] : [`${prefix}_PORT=${url(link, first)}`]),
    ...runsOf(ports).flatMap((run) => runVariables(prefix, link, run)),
    ...ports.flatMap((port) => portVariables(prefix, link, port)),
    `${prefix}_NAME=/${link.parent}/${link.alias}`,
    ...link.environment.flatMap((variable) => environmentVariable(prefix, variable)),
  ]
}

/** `name` or `name:alias`, and `/name:/parent/alias` as inspect shows it. Throws SANDBOX_INVALID. */
export function parseLink(text: string): { readonly child: string; readonly alias: string } {
  if (text === '') throw invalid('empty string specified for links')
  const name = '[a-zA-Z0-9][a-zA-Z0-9_.-]*'
  const match = new RegExp(`^/?(${name})(?::(?:/${name}/)?(${name}))?$`).exec(text)
  if (match === null) throw invalid(`bad format for links: ${printable(text)}`)
  const [, child = '', alias = child] = match
  return { child, alias }
}

/** By number; of two with one number TCP comes first. */
function comparePorts(a: Port, b: Port): number {
  return a.number - b.number || Number(b.protocol === 'tcp') - Number(a.protocol === 'tcp')
}

/** Three and more: two ports are no range to Docker. */
function runsOf(ports: readonly Port[]): Run[] {
  const runs: Port[][] = []
  for (const protocol of ['tcp', 'udp', 'sctp']) {
    let last: Port | undefined
    for (const port of ports.filter((other) => other.protocol === protocol)) {
      if (last !== undefined && last.number + 1 === port.number) runs.at(-1)!.push(port)
      else runs.push([port])
      last = port
    }
  }
  return runs.filter((run) => run.length > 2).map((run) => ({ first: run[0]!, last: run.at(-1)! }))
}

function runVariables(prefix: string, link: Link, { first, last }: Run): string[] {
  const name = `${prefix}_PORT_${first.number}_${first.protocol.toUpperCase()}`
  return [
    `${name}_START=${url(link, first)}`,
    `${name}_PORT_START=${first.number}`,
    `${name}_END=${url(link, last)}`,
    `${name}_PORT_END=${last.number}`,
  ]
}

function portVariables(prefix: string, link: Link, port: Port): string[] {
  const name = `${prefix}_PORT_${port.number}_${port.protocol.toUpperCase()}`
  return [
    `${name}=${url(link, port)}`,
    `${name}_ADDR=${link.address}`,
    `${name}_PORT=${port.number}`,
    `${name}_PROTO=${port.protocol}`,
  ]
}

/** HOME and PATH are the child's own affair. */
function environmentVariable(prefix: string, variable: string): string[] {
  const name = variable.replace(/=.*/s, '')
  return name === variable || name === 'HOME' || name === 'PATH' ? [] : [`${prefix}_ENV_${variable}`]
}

function url(link: Link, port: Port): string {
  return `${port.protocol}://${link.address}:${port.number}`
}

function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.sandboxInvalid, message)
}
