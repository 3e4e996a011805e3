/**
 * The command line beside a real Docker engine's, field by field: each recorded scenario is played again with our command line,
 * and every answer has to be Docker's: columns, JSON keys, values, error texts and exit codes, but for what changes from run to
 * run (support/docker/normal-form.ts) and what is different on purpose (support/docker/differences.ts).
 *
 *     CLI ──socket── daemon in a namespace of its own ── sandboxes         no route out of any of them
 */

import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { needs, needsTap } from '../support/requirements.ts'
import { DIFFERENCES, type Difference, meets, NOT_OURS, REWORDED } from './support/docker/differences.ts'
import { jsonDifferences, splitJson } from './support/docker/json-difference.ts'
import { dockerComplaint, dockerOutput, NormalForm, ourComplaint } from './support/docker/normal-form.ts'
import { OurSide } from './support/docker/our-side.ts'
import {
  type Answer,
  fillIn,
  lineOf,
  type RecordedStep,
  type Recording,
  recordings,
} from './support/docker/recording.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'busybox')

/**
 * They show addresses of the default network, which are the first ones where nobody has had those before: one that was released rests.
 * So each has a daemon of its own, and the others share one, which is as it was at first when each of them begins.
 */
const SHOW_FIRST_ADDRESSES: ReadonlySet<string> = new Set(['files-and-routes', 'network-inspect'])

const used = new Set<Difference>()

describe('the command line beside a real Docker', { skip }, () => {
  describe('answers alike', () => {
    let shared: OurSide
    before(async () => {
      shared = await OurSide.start()
    })
    after(() => shared.stop())

    for (const recording of recordings) {
      const { scenario } = recording
      it(scenario, async () => {
        const ours = SHOW_FIRST_ADDRESSES.has(scenario) ? await OurSide.start() : shared
        try {
          const problems = await compareSteps(recording, ours)
          assert.ok(problems.length === 0, `otherwise than Docker:\n${problems.join('\n')}`)
        } finally {
          await (ours === shared ? ours.clear() : ours.stop())
        }
      })
    }
  })

  it('differs on purpose only where it does', () => {
    const idle = DIFFERENCES.filter((difference) => !used.has(difference))
    assert.deepEqual(
      idle.map(({ scenario, command, why }) => `${scenario}: ${command} (${why})`),
      [],
    )
  })
})

async function compareSteps({ scenario, steps }: Recording, ours: OurSide): Promise<string[]> {
  const kept = new Map<string, string>()
  const start = Date.now()
  const forms = { docker: new NormalForm(), ours: new NormalForm() }
  const problems: string[] = []
  for (const step of steps) {
    const line = lineOf(step)
    if (NOT_OURS.some((pattern) => pattern.test(line))) continue
    const answer = await ours.ask(fillIn(step, kept, start), step.stdin)
    if (step.as !== undefined) kept.set(step.as, answer.stdout.trim())
    const known = DIFFERENCES.find((one) => one.scenario === scenario && one.command.test(line))
    const found = known === undefined ? compareAnswers(step, answer, forms) : compareListed(answer, known)
    if (found.length > 0) problems.push([`$ ${line}`, ...found].join('\n  '))
  }
  return problems
}

function compareListed(answer: Answer, known: Difference): string[] {
  used.add(known)
  return meets(answer, ourComplaint(answer).message, known)
    ? []
    : [`not as listed (${known.why}): ${told(answer)}`]
}

function compareAnswers(
  docker: RecordedStep,
  ours: Answer,
  forms: { readonly docker: NormalForm; readonly ours: NormalForm },
): string[] {
  const problems: string[] = []
  const theirs = dockerComplaint(docker)
  if (theirs.usage) {
    if (docker.code !== ours.code) problems.push(`exit code: docker ${docker.code}, tapwire ${ours.code}`)
    if (ours.stderr.trim() === '') problems.push('nothing is said about wrong usage')
    return problems
  }
  if (docker.code !== ours.code) problems.push(`exit code: docker ${docker.code}, tapwire ${ours.code}`)
  const reworded = REWORDED.reduce((text, [pattern, by]) => text.replace(pattern, by), theirs.message)
  const messages = [forms.docker.text(reworded), forms.ours.text(ourComplaint(ours).message)]
  if (messages[0] !== messages[1])
    problems.push(`stderr: docker ${quoted(messages[0]!)}, tapwire ${quoted(messages[1]!)}`)
  const output = dockerOutput(docker.stdout)
  return problems.concat(compareOutput(forms.docker.text(output), forms.ours.text(ours.stdout)))
}

function compareOutput(docker: string, ours: string): string[] {
  const [theirs, own] = [splitJson(docker), splitJson(ours)]
  if (theirs.text !== own.text) return [`stdout: docker ${quoted(docker)}\n         tapwire ${quoted(ours)}`]
  return theirs.documents.flatMap((document, index) => jsonDifferences(document, own.documents[index]!))
}

const quoted = (text: string): string => JSON.stringify(text)

const told = ({ code, stdout, stderr }: Answer): string =>
  `code ${code}, ${quoted(stdout)}, ${quoted(stderr)}`
