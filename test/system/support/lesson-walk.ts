/** Walks through a lesson: its commands, one behind the other, with a daemon of their own in a network namespace of their own. */

import { chmodSync, copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LessonCommand, type LessonPart, parseLesson } from '../../support/lesson.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { shellWord } from '../../support/shell-word.ts'
import { ControlDaemon, type Traces } from './control-daemon.ts'
import { type Place, Program } from './program.ts'
import { newFolder } from './scene.ts'

export const LESSONS = join(repositoryRoot, 'docs/lessons')

/** By their file names, in order. */
export const lessonNames = (): readonly string[] =>
  readdirSync(LESSONS)
    .filter((name) => /^\d\d-.*\.md$/.test(name))
    .toSorted()

export const lessonParts = (name: string): LessonPart[] =>
  parseLesson(readFileSync(join(LESSONS, name), 'utf8'))

export interface WalkedLesson {
  /** As lessonParts, with what the commands have printed now. */
  readonly parts: readonly LessonPart[]
  /** What is left when all is done, which should be nothing. */
  readonly traces: Traces
}

export async function walkLesson(name: string): Promise<WalkedLesson> {
  const home = new NetworkNamespace()
  home.ip('link', 'set', 'lo', 'up')
  let daemon: ControlDaemon | undefined
  try {
    daemon = await ControlDaemon.start({ place: { namespace: home.name } })
    const shell = new LessonShell(daemon, home.name)
    const parts: LessonPart[] = []
    for (const part of lessonParts(name)) parts.push(typeof part === 'string' ? part : await shell.run(part))
    await shell.end()
    const traces = daemon.traces()
    await daemon.do('down', '--all')
    return { parts, traces }
  } finally {
    await daemon?.stop()
    home.remove()
  }
}

/**
 * The shell of who does what the lesson says, as far as the lessons need one. A command behind which there is a `&` goes on when it has said
 * that it has begun, and `wait` shows what else such commands have printed, where a terminal would show it as it is printed.
 */
class LessonShell {
  readonly #place: Place
  readonly #folder = newFolder()
  /** What goes on, and how much of its output is that it has begun. */
  #behind: { readonly program: Program; readonly begin: number }[] = []

  constructor(daemon: ControlDaemon, namespace: string) {
    for (const name of readdirSync(LESSONS)) {
      if (!name.endsWith('.md')) copyFileSync(join(LESSONS, name), join(this.#folder, name))
    }
    const words = daemon.line().map(shellWord).join(' ')
    writeFileSync(join(this.#folder, 'tapwire'), `#!/bin/sh\nexec ${words} "$@"\n`)
    chmodSync(join(this.#folder, 'tapwire'), 0o755)
    const path = `${this.#folder}:${process.env['PATH']}`
    this.#place = { namespace, environment: { PATH: path, COLUMNS: '120' } }
  }

  async run(commands: readonly LessonCommand[]): Promise<LessonCommand[]> {
    const done: LessonCommand[] = []
    for (const { line } of commands) done.push({ line, output: await this.#output(line) })
    return done
  }

  /** Rejects where something still goes on. */
  async end(): Promise<void> {
    await this.#wait()
  }

  async #output(line: string): Promise<string> {
    if (line === 'wait') return shown(await this.#wait())
    const script = `exec 2>&1\ncd ${shellWord(this.#folder)}\n${line.replace(/ &$/, '')}`
    const program = new Program(this.#place, 'bash', '-c', script)
    if (!line.endsWith(' &')) return shown((await program.end()).output)
    await program.printed(/\n/)
    const begin = program.output.indexOf('\n') + 1
    this.#behind.push({ program, begin })
    return shown(program.output.slice(0, begin))
  }

  async #wait(): Promise<string> {
    let output = ''
    for (const { program, begin } of this.#behind) output += (await program.end()).output.slice(begin)
    this.#behind = []
    return output
  }
}

/** As a terminal shows it in the end: a step that goes on (`… Make 1 network`) is overwritten when it is done. No line ends in blanks. */
const shown = (output: string): string => output.replace(/^… .*\n/gm, '').replace(/ +$/gm, '')
