import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { repositoryRoot } from './repository.ts'
import { needs, type Skip } from './requirements.ts'

const SANITIZED_ADDON = join(repositoryRoot, 'build/tapwire-asan.node')

/** The addon that is built with AddressSanitizer and UBSan; `npm test` builds it. */
export function needsSanitizedAddon(): Skip {
  return existsSync(SANITIZED_ADDON) ? needs('gcc') : 'needs build/tapwire-asan.node, which npm test builds'
}

/**
 * Environment for a Node process that loads that addon. Node itself is built without sanitizers, so their run-time
 * library has to be there before it. A finding ends the process with exit code 99 and a report on stderr.
 * Leaks are not looked for: V8 keeps most of its memory to the end.
 */
export function sanitizedEnvironment(): NodeJS.ProcessEnv {
  const library = execFileSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
  return {
    ...process.env,
    TAPWIRE_ADDON: SANITIZED_ADDON,
    LD_PRELOAD: library,
    ASAN_OPTIONS: 'detect_leaks=0:exitcode=99',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=99',
  }
}
