import { execFileSync } from 'node:child_process'
import { needsFile, type Skip } from './requirements.ts'

/** Debian's: the module is that interpreter's, and not that of another Python in the PATH. */
const PYTHON = '/usr/bin/python3'

export const needsScapy = (): Skip =>
  needsFile(PYTHON, 'python3') ||
  needsFile('/usr/lib/python3/dist-packages/scapy/__init__.py', 'python3-scapy')

/** Runs a Python program, with `argument` as JSON in `argument`; what it assigned to `answer`. Throws where it failed. */
export function scapy(program: string, argument: unknown): unknown {
  const script = ['import json, sys', 'argument = json.load(sys.stdin)', program, 'print(json.dumps(answer))']
  const output = execFileSync(PYTHON, ['-c', script.join('\n')], {
    input: JSON.stringify(argument),
    encoding: 'utf8',
    stdio: 'pipe',
    timeout: 60_000,
    maxBuffer: 256 * 1024 * 1024,
  })
  return JSON.parse(output)
}
