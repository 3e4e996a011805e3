/**
 * The command line beside a real Docker engine's, field by field: each recorded scenario is played again with our command line,
 * and every answer has to be Docker's: columns, JSON keys, values, error texts and exit codes, but for what changes from run to
 * run (support/docker/normal-form.ts) and what is different on purpose (support/docker/differences.ts).
 *
 *     CLI ──socket── daemon in a namespace of its own ── sandboxes         no route out of any of them
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { NetworkNamespace } from '../support/network-namespace.ts'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { DIFFERENCES, type Difference, meets, NOT_OURS, REWORDED } from './support/docker/differences.ts'
import { documents, jsonDifferences } from './support/docker/json-difference.ts'
import { dockerComplaint, NormalForm, ourComplaint } from './support/docker/normal-form.ts'
import {
  type Answer,
  fillIn,
  lineOf,
  type RecordedStep,
  type Recording,
  recordings,
} from './support/docker/recording.ts'
import { Program } from './support/program.ts'
import { newFolder } from './support/scene.ts'
import { until } from './support/until.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'busybox')

const MAIN = join(repositoryRoot, 'dist/src/cli/main.js')
/** No command takes this long; one that does has no answer. */
const COMMAND_MS = 60_000

const used = new Set<Difference>()

describe('the command line beside a real Docker', { skip }, () => {
  for (const recording of recordings) {
    it(recording.scenario, async () => {
      assert.deepEqual(await play(recording), [])
    })
  }

  it('differs on purpose only where it does', () => {
    const idle = DIFFERENCES.filter((difference) => !used.has(difference))
    assert.deepEqual(
      idle.map(({ scenario, command, why }) => `${scenario}: ${command} (${why})`),
      [],
    )
  })
})

/** Plays one scenario with a daemon of its own; returns what was answered otherwise than Docker did. */
async function play(recording: Recording): Promise<string[]> {
  const root = newFolder()
  const namespace = new NetworkNamespace()
  const daemon = new Program({ namespace: namespace.name }, process.execPath, MAIN, '--root', root, 'daemon')
  try {
    await until('the daemon listens', () => existsSync(join(root, 'tapwire.sock')))
    return compareSteps(recording, root)
  } finally {
    await daemon.stop()
    namespace.remove()
  }
}

function compareSteps({ scenario, steps }: Recording, root: string): string[] {
  const kept = new Map<string, string>()
  const start = Date.now()
  const forms = { docker: new NormalForm(), ours: new NormalForm() }
  return steps.flatMap((step) => {
    const line = lineOf(step)
    if (NOT_OURS.some((pattern) => pattern.test(line))) return []
    const answer = ask(root, fillIn(step, kept, start), step.stdin)
    if (step.as !== undefined) kept.set(step.as, answer.stdout.trim())
    const known = DIFFERENCES.find((one) => one.scenario === scenario && one.command.test(line))
    if (known !== undefined) {
      used.add(known)
      return meets(answer, ourComplaint(answer).message, known)
        ? []
        : [`$ ${line}\n  not as listed (${known.why}): ${told(answer)}`]
    }
    const problems = compareAnswers(step, answer, forms)
    return problems.length === 0 ? [] : [`$ ${line}\n  ${problems.join('\n  ')}`]
  })
}

function compareAnswers(
  docker: RecordedStep,
  ours: Answer,
  forms: { readonly docker: NormalForm; readonly ours: NormalForm },
): string[] {
  const problems: string[] = []
  const theirs = dockerComplaint(docker)
  if (theirs.usage) {
    if (ours.code === 0) problems.push('exit code 0 for wrong usage')
    if (ours.stderr.trim() === '') problems.push('nothing is said about wrong usage')
    return problems
  }
  if (docker.code !== ours.code) problems.push(`exit code: docker ${docker.code}, tapwire ${ours.code}`)
  const reworded = REWORDED.reduce((text, [pattern, by]) => text.replace(pattern, by), theirs.message)
  const messages = [forms.docker.text(reworded), forms.ours.text(ourComplaint(ours).message)]
  if (messages[0] !== messages[1])
    problems.push(`stderr: docker ${quoted(messages[0]!)}, tapwire ${quoted(messages[1]!)}`)
  return problems.concat(compareOutput(forms.docker.text(docker.stdout), forms.ours.text(ours.stdout)))
}

function compareOutput(docker: string, ours: string): string[] {
  const [theirs, own] = [documents(docker), documents(ours)]
  if (theirs === undefined || own === undefined || theirs.length !== own.length)
    return docker === ours ? [] : [`stdout: docker ${quoted(docker)}\n         tapwire ${quoted(ours)}`]
  return theirs.flatMap((document, index) => jsonDifferences(document, own[index]!))
}

const quoted = (text: string): string => JSON.stringify(text)

const told = ({ code, stdout, stderr }: Answer): string =>
  `code ${code}, ${quoted(stdout)}, ${quoted(stderr)}`

/** Our command line; the place of Docker's image is that of the two dashes before a command. */
function ask(root: string, words: readonly string[], input = ''): Answer {
  const args = [MAIN, '--root', root, ...words.map((word) => (word === 'IMAGE' ? '--' : word))]
  const { status, stdout, stderr, error } = spawnSync(process.execPath, args, {
    input,
    encoding: 'utf8',
    timeout: COMMAND_MS,
    killSignal: 'SIGKILL',
    env: { ...process.env, LC_ALL: 'C', NO_COLOR: '1' },
  })
  if (error !== undefined) throw error
  return { code: status ?? 255, stdout, stderr }
}
