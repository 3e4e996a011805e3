/** The folder of one sandbox: what the shim keeps there, and the files that the sandbox sees in /etc. */

import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import type { SandboxExit, SandboxFiles } from '../../control/model/machine.ts'

/** File in the folder, and what it is over in the sandbox. */
const BINDS = [
  ['hosts', 'hosts', '/etc/hosts'],
  ['resolvConf', 'resolv.conf', '/etc/resolv.conf'],
  ['hostname', 'hostname', '/etc/hostname'],
] as const

/** Logs outlive the sandbox's runs, until it is removed as a whole, and so does the file that says whose they are. */
const LOGS = ['log.json', 'log.json.1']
const FACTS = 'sandbox.json'

/** What a daemon has to know of a sandbox that an earlier one made. */
export interface SandboxFacts {
  readonly id: string
  /** Whether the network namespace is its own, the machine's, or another sandbox's. */
  readonly network: 'own' | 'host' | 'shared'
}

const RUN_FILES = [
  ...BINDS.flatMap(([, name]) => [name, hashName(name)]),
  'shim.sock',
  'holder',
  'holder.new',
  'exit',
  'exit.new',
  `${FACTS}.new`,
]

export class SandboxDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** The first twelve digits of the sandbox's id. */
  get name(): string {
    return basename(this.path)
  }

  get socketPath(): string {
    return join(this.path, 'shim.sock')
  }

  get logPath(): string {
    return join(this.path, 'log.json')
  }

  get olderLogPath(): string {
    return join(this.path, 'log.json.1')
  }

  exists(): boolean {
    return existsSync(this.path)
  }

  /** For a new run: with nothing of the last one but its log. */
  prepare(facts: SandboxFacts): void {
    mkdirSync(this.path, { recursive: true, mode: 0o710 })
    this.#removeRunFiles()
    const temporary = join(this.path, `${FACTS}.new`)
    writeFileSync(temporary, JSON.stringify(facts), { mode: 0o640 })
    renameSync(temporary, join(this.path, FACTS))
  }

  /** Undefined where there are none, as of a sandbox whose making was cut short. */
  readFacts(): SandboxFacts | undefined {
    const text = this.#read(FACTS)
    return text === undefined ? undefined : (JSON.parse(text) as SandboxFacts)
  }

  /** There may be nothing. What we have not made stays, and the folder with it. */
  remove(what: { readonly log: boolean }): void {
    this.#removeRunFiles()
    const empty = LOGS.every(
      (name) => !(statSync(join(this.path, name), { throwIfNoEntry: false })?.size ?? 0),
    )
    if (empty || what.log) for (const name of [...LOGS, FACTS]) rmSync(join(this.path, name), { force: true })
    try {
      rmdirSync(this.path)
    } catch {
      // The log is still there, or nothing ever was.
    }
  }

  /** How the last run ended; undefined where nobody could note it. */
  readExit(): SandboxExit | undefined {
    const [code = '', time = ''] = this.#read('exit')?.trim().split(' ') ?? []
    if (!/^\d{1,3}$/.test(code) || Number.isNaN(Date.parse(time))) return undefined
    return { exitCode: Number(code), finishedAt: time }
  }

  /** Whether the shim has noted that some of what ran could not be killed in time. */
  hasLeftBehind(): boolean {
    return this.#read('exit')?.trimEnd().endsWith(' left') ?? false
  }

  /** Process id and start time, as the shim has written them. */
  readHolder(): { readonly pid: number; readonly startTime: string } | undefined {
    const match = /^([1-9]\d*) (\d+)\n$/.exec(this.#read('holder') ?? '')
    return match === null ? undefined : { pid: Number(match[1]), startTime: match[2] ?? '' }
  }

  /**
   * In place: who has a file open, or mounted over another one, sees the change. A file that is not as we left it is the
   * user's from then on.
   */
  writeFiles(files: SandboxFiles): void {
    for (const [key, name] of BINDS) {
      const text = files[key]
      if (text !== undefined) this.#writeFile(name, text)
    }
  }

  /** SOURCE:TARGET of the files that are there. */
  binds(): string[] {
    return BINDS.filter(([, name]) => existsSync(join(this.path, name))).map(
      ([, name, target]) => `${join(this.path, name)}:${target}`,
    )
  }

  #writeFile(name: string, text: string): void {
    const present = this.#read(name)
    const ours = this.#read(hashName(name))?.split('\n') ?? []
    if (present === text) return
    if (present !== undefined && !ours.includes(hash(present))) return
    // Both, since a crash may come before or after the text is written.
    const hashes = present === undefined ? [hash(text)] : [hash(present), hash(text)]
    writeFileSync(join(this.path, hashName(name)), hashes.join('\n'), { mode: 0o640 })
    this.#overwrite(name, text)
  }

  /** First the new text, then the end: a reader in between sees more than there is, but never an empty file. */
  #overwrite(name: string, text: string): void {
    const bytes = Buffer.from(text)
    const file = openSync(join(this.path, name), existsSync(join(this.path, name)) ? 'r+' : 'w', 0o644)
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, at)
      ftruncateSync(file, bytes.length)
    } finally {
      closeSync(file)
    }
  }

  #removeRunFiles(): void {
    for (const name of RUN_FILES) rmSync(join(this.path, name), { force: true })
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.path, name), 'utf8')
    } catch {
      return undefined
    }
  }
}

function hashName(name: string): string {
  return `${name}.hash`
}

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
