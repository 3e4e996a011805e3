/** What a real Docker engine and client answered, as scripts/record-docker.mjs wrote it down. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from '../../../support/repository.ts'

export interface Answer {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RecordedStep extends Answer {
  /** Words behind `docker`; IMAGE, $NAME, @START and @NOW stand for what only the run knows. */
  readonly command: readonly string[]
  /** What was printed is named so in later commands. */
  readonly as?: string
  readonly stdin?: string
}

export interface Recording {
  readonly scenario: string
  readonly docker: { readonly client: string; readonly engine: string }
  readonly steps: readonly RecordedStep[]
}

const FOLDER = join(repositoryRoot, 'test/fixtures/docker')

export const recordings: readonly Recording[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) as Recording)

/** The command as one line, for messages and to look it up by. */
export const lineOf = ({ command }: RecordedStep): string => command.join(' ')

/** Puts in what the run knows: ids that earlier steps printed, and times. */
export function fillIn(
  { command }: RecordedStep,
  kept: ReadonlyMap<string, string>,
  startMs: number,
): string[] {
  return command.map((word) => {
    if (word === '@START') return (startMs / 1000).toFixed(3)
    if (word === '@NOW') return (Date.now() / 1000).toFixed(3)
    const [, before, name, length] = /^(.*)\$([a-z]\w*)(?::(\d+))?$/s.exec(word) ?? []
    const value = name === undefined ? undefined : kept.get(name)
    if (value === undefined) return word
    return `${before}${value.slice(0, length === undefined ? undefined : Number(length))}`
  })
}
