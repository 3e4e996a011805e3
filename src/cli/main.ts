import { fileURLToPath } from 'node:url'
import type { CliContext } from './cli.ts'
import { runCli } from './program.ts'

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** What may be caught and says something to the command behind; not those of this process's own terminal, children and pipes. */
const PROXIED = [...INTERRUPTS, 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT'] as const

function listen(signals: readonly NodeJS.Signals[], listener: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of signals) process.on(signal, listener)
  return () => {
    for (const signal of signals) process.off(signal, listener)
  }
}

const context: CliContext = {
  env: process.env,
  // A getter: to look at it opens it.
  get stdin() {
    return process.stdin
  },
  stdout: process.stdout,
  stderr: process.stderr,
  daemonProgram: fileURLToPath(new URL('../daemon/main.js', import.meta.url)),
  onInterrupt: (listener) => listen(INTERRUPTS, listener),
  onSignal: (listener) => listen(PROXIED, listener),
}

// A reader that has seen enough (`tapwire stats --watch | head`) is no error; a disk that is full is one, and no defect of the program.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`tapwire: write to standard output: ${writeError(error)}\n`)
  process.exit(1)
})

const writeError = ({ code, message }: NodeJS.ErrnoException): string =>
  code === 'ENOSPC' ? 'no space left on device' : message

// What goes on is worth no failure where nobody looks: `tapwire up 2>&1 | head -1` brings the lab up.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

process.exitCode = await runCli(process.argv.slice(2), context)
