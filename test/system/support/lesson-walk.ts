/** Walks through lessons: their commands, one behind the other, with a daemon in a network namespace of its own. */

import { chmodSync, copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type LessonCommand, type LessonPart, parseLesson } from '../../support/lesson.ts'
import { NetworkNamespace } from '../../support/network-namespace.ts'
import { repositoryRoot } from '../../support/repository.ts'
import { plainWords, shellLine } from '../../support/shell-word.ts'
import { ControlDaemon, type Traces } from './control-daemon.ts'
import { type Place, Program } from './program.ts'
import { newFolder } from './scene.ts'
import { until } from './until.ts'

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

/** Where lessons are walked through: a daemon in a network namespace of its own. One lesson at a time: this process is in its folder meanwhile. */
export class LessonHome {
  readonly #namespace = new NetworkNamespace()
  #daemon!: ControlDaemon

  static async open(): Promise<LessonHome> {
    const home = new LessonHome()
    try {
      home.#namespace.ip('link', 'set', 'lo', 'up')
      home.#daemon = await ControlDaemon.start({ place: { namespace: home.#namespace.name } })
      return home
    } catch (error) {
      home.#namespace.remove()
      throw error
    }
  }

  async walk(name: string): Promise<WalkedLesson> {
    const before = process.cwd()
    try {
      const shell = new LessonShell(this.#daemon, this.#namespace.name)
      process.chdir(shell.folder)
      const parts: LessonPart[] = []
      for (const part of lessonParts(name))
        parts.push(typeof part === 'string' ? part : await shell.run(part))
      await shell.end()
      return { parts, traces: this.#daemon.traces() }
    } finally {
      process.chdir(before)
      await this.#daemon.do('down', '--all')
    }
  }

  async close(): Promise<void> {
    await this.#daemon.stop()
    this.#namespace.remove()
  }
}

/**
 * The shell of who does what the lesson says, as far as the lessons need one. A command behind which there is a `&` goes on when it has said
 * that it has begun, and `wait` shows what else such commands have printed, where a terminal would show it as it is printed. What is
 * `tapwire` alone runs in this process, which is in the lesson's folder meanwhile; pipelines and loops are bash's.
 */
class LessonShell {
  readonly folder = newFolder()
  readonly #place: Place
  readonly #daemon: ControlDaemon
  /** What goes on, and how much of its output is that it has begun. */
  #behind: { readonly command: Command; readonly begin: number }[] = []

  constructor(daemon: ControlDaemon, namespace: string) {
    const { folder } = this
    for (const name of readdirSync(LESSONS)) {
      if (!name.endsWith('.md')) copyFileSync(join(LESSONS, name), join(folder, name))
    }
    writeFileSync(join(folder, 'tapwire'), `#!/bin/sh\nexec ${shellLine(daemon.line())} "$@"\n`)
    chmodSync(join(folder, 'tapwire'), 0o755)
    this.#daemon = daemon
    this.#place = { namespace, environment: { PATH: `${folder}:${process.env['PATH']}` } }
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
    const command = this.#begin(line.replace(/ &$/, ''))
    if (!line.endsWith(' &')) return shown(await command.end())
    await until(`${line} begins`, () => command.output().includes('\n'))
    const begin = command.output().indexOf('\n') + 1
    this.#behind.push({ command, begin })
    return shown(command.output().slice(0, begin))
  }

  #begin(line: string): Command {
    const [first, ...args] = plainWords(line) ?? []
    if (first === 'tapwire') {
      const own = this.#daemon.beginOwn(...args)
      const output = (): string => own.said
      return { output, end: () => own.end().then(output) }
    }
    const program = new Program(this.#place, 'bash', '-c', `exec 2>&1\n${line}`)
    const output = (): string => program.output
    return { output, end: () => program.end().then(output) }
  }

  async #wait(): Promise<string> {
    let output = ''
    for (const { command, begin } of this.#behind) output += (await command.end()).slice(begin)
    this.#behind = []
    return output
  }
}

/** One that runs, and what it has printed to both streams; all of it in the end. */
interface Command {
  readonly output: () => string
  readonly end: () => Promise<string>
}

/** As a terminal shows it in the end: a step that goes on (`… Make 1 network`) is overwritten when it is done. No line ends in blanks. */
const shown = (output: string): string => output.replace(/^… .*\n/gm, '').replace(/ +$/gm, '')
