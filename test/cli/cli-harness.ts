/** Runs command lines in this process, with what they write kept, with a folder of their own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { InputStream, OutputStream } from '../../src/cli/cli.ts'
import { runCli } from '../../src/cli/program.ts'

export interface CliResult {
  readonly code: number
  readonly out: string
  readonly err: string
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  /** What the streams tell of a terminal. */
  readonly terminal?: { readonly columns: number; readonly rows: number }
  /** Sees all that is written, as it is written. */
  readonly onWrite?: (text: string) => void
  /** The same of standard output, for what is no text. */
  readonly onBytes?: (data: Uint8Array) => void
  readonly daemonProgram?: string
  /** Empty unless given. */
  readonly stdin?: InputStream
}

const FAKE_DAEMON = fileURLToPath(new URL('fake-daemon.js', import.meta.url))

export class CliHarness {
  /** A folder for this harness alone. */
  readonly folder = mkdtempSync(join(tmpdir(), 'tw-'))
  /** Of a daemon that a command may start: never the machine's own. */
  readonly root = join(this.folder, 'root')
  readonly #listeners = new Set<(signal: NodeJS.Signals) => void>()

  /** Commands that wait for a signal at this moment. */
  get listening(): number {
    return this.#listeners.size
  }

  interrupt(signal: NodeJS.Signals): void {
    for (const listener of this.#listeners) listener(signal)
  }

  async tapwire(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const out = recorder(options)
    const err = recorder({ ...options, onBytes: () => {} })
    const code = await runCli(args, {
      env: {
        ...process.env,
        NO_COLOR: '',
        TAPWIRE_DEBUG: '',
        TAPWIRE_HOST: '',
        TAPWIRE_ROOT: this.root,
        ...options.env,
      },
      stdout: out.stream,
      stderr: err.stream,
      stdin: options.stdin ?? Readable.from([]),
      onSignal: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
      daemonProgram: options.daemonProgram ?? FAKE_DAEMON,
      onInterrupt: (listener) => {
        this.#listeners.add(listener)
        return () => this.#listeners.delete(listener)
      },
    })
    return { code, out: out.text(), err: err.text() }
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function recorder({ terminal, onWrite, onBytes }: CliOptions): { stream: OutputStream; text: () => string } {
  let written = ''
  const write = (data: string | Uint8Array) => {
    const text = typeof data === 'string' ? data : Buffer.from(data).toString()
    if (typeof data !== 'string') onBytes?.(data)
    written += text
    onWrite?.(text)
  }
  return { stream: { write, isTTY: terminal !== undefined, ...terminal }, text: () => written }
}

/** Without the sequences that colour and move. */
export function plain(text: string): string {
  return text.replaceAll(new RegExp(`${ESCAPE}\\[[?\\d;]*[A-Za-z]`, 'g'), '')
}

export const ESCAPE = String.fromCharCode(27)
