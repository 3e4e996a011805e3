/** What a list of commands says of each: what help shows of it, and where the rest is. */
import type { Command } from 'commander'
import type { Cli } from './cli.ts'

/** Gives a command its description, options and action. */
export type Define = (command: Command, cli: Cli) => void

export interface CommandEntry {
  readonly name: string
  readonly aliases?: readonly string[]
  readonly summary: string
  /** The heading under which help lists it. */
  readonly group?: string
  readonly hidden?: boolean
  /** Loads the command's module. Absent where it only has commands of its own. */
  define?(): Promise<Define>
  /** Loads the list of those that stand behind it. */
  commands?(): Promise<readonly CommandEntry[]>
}
