/** Names that users give: what they may look like, and which are taken. The texts are Docker's where it has one. */

import { HOSTNAME_MAX, NAME_MAX } from '../../limits.ts'
import { ErrorCode, TapwireError } from '../errors.ts'

const ALLOWED = '[a-zA-Z0-9][a-zA-Z0-9_.-]'

/** The networks that are there from the start. `default` is another word for `bridge`, and no one's name. */
export const BUILT_IN_NETWORKS = ['bridge', 'host', 'none'] as const

/** Joined without anybody's having made it. */
export const DEFAULT_BRIDGE = 'bridge'

/** Whether no one may create or remove a network of this name. */
export function isPredefinedNetwork(name: string): boolean {
  return name === 'default' || BUILT_IN_NETWORKS.some((builtIn) => builtIn === name)
}

/** The name in normal form, without the slash that Docker lets stand in front. Throws NAME_INVALID. */
export function checkSandboxName(text: string): string {
  const name = text.replace(/^\//, '')
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw invalid(`Invalid container name (${printable(text)}), only ${ALLOWED} are allowed`)
  }
  checkLength('container', name)
  return name
}

/** Throws NAME_INVALID, or NETWORK_PREDEFINED for a name that a built-in network has. */
export function checkNetworkName(name: string): void {
  if (name.trim() === '') throw invalid('invalid name: name is empty')
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name)) {
    throw invalid(`Invalid network name (${printable(name)}), only ${ALLOWED} are allowed`)
  }
  checkLength('network', name)
  if (isPredefinedNetwork(name)) {
    throw new TapwireError(
      ErrorCode.networkPredefined,
      `operation is not permitted on predefined ${name} network`,
    )
  }
}

/** What to throw where another sandbox has the name. */
export function sandboxNameTaken(name: string, holder: string): TapwireError {
  return new TapwireError(
    ErrorCode.nameTaken,
    `Conflict. The container name "/${name}" is already in use by container "${holder}". ` +
      'You have to remove (or rename) that container to be able to reuse that name.',
  )
}

/** What to throw where another network has the name. */
export function networkNameTaken(name: string): TapwireError {
  return new TapwireError(ErrorCode.nameTaken, `network with name ${name} already exists`)
}

/**
 * What uname(2) and the files in /etc can hold. Docker takes anything; what has a blank or a slash in it would break those files.
 * `what` is `hostname` or `domainname`. Throws NAME_INVALID.
 */
export function checkHostname(what: 'hostname' | 'domainname', text: string): void {
  if (text.length > HOSTNAME_MAX) {
    throw invalid(`invalid ${what}: ${text.length} characters, at most ${HOSTNAME_MAX} are possible`)
  }
  if (!/^[a-zA-Z0-9_.-]*[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text)) {
    throw invalid(`invalid ${what} format: ${printable(text)}`)
  }
}

/** The text with what a terminal would not show, or would obey, spelt out. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, (character) => {
    const code = character.codePointAt(0)!
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

function checkLength(what: string, name: string): void {
  if (name.length <= NAME_MAX) return
  throw invalid(
    `Invalid ${what} name (${name.slice(0, NAME_MAX)}…), it has ${name.length} characters and at most ${NAME_MAX} are allowed`,
  )
}

function invalid(message: string): TapwireError {
  return new TapwireError(ErrorCode.nameInvalid, message)
}
