#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import type { CliContext } from './cli.ts'
import { runCli } from './program.ts'

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const context: CliContext = {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
  daemonProgram: fileURLToPath(new URL('../daemon/main.js', import.meta.url)),
  onInterrupt(listener) {
    for (const signal of INTERRUPTS) process.on(signal, listener)
    return () => {
      for (const signal of INTERRUPTS) process.off(signal, listener)
    }
  },
}

// A reader that has seen enough (`tapwire stats --watch | head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

// What goes on is worth no failure where nobody looks: `tapwire up 2>&1 | head -1` brings the lab up.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

process.exitCode = await runCli(process.argv.slice(2), context)
