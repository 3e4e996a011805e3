/**
 * Our name server beside Docker's: the same networks, containers and questions, and every answer has to be Docker's: what it says, its
 * flags, its records, but for what is different on purpose (support/docker/name-differences.ts). What Docker's has answered is recorded
 * in test/fixtures/docker-names.json. Docker's has the address 127.0.0.11 in each container; ours is asked at a network's gateway.
 */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { repositoryRoot } from '../support/repository.ts'
import { needs, needsTap } from '../support/requirements.ts'
import { digArguments, type NameAnswer, readDig, withIds } from './support/docker/dig.ts'
import {
  isAsListed,
  NAME_DIFFERENCES,
  type NameDifference,
  reworded,
} from './support/docker/name-differences.ts'
import { OurSide } from './support/docker/our-side.ts'
import { attempt } from './support/program.ts'

const skip = needsTap() || needs('ip', 'nsenter', 'busybox', 'dig')

interface RecordedCommand {
  /** Words behind `docker`; IMAGE stands for the image. */
  readonly command: readonly string[]
  /** The id that was printed is named so in questions. */
  readonly as?: string
}

interface RecordedQuestions {
  /** The container. */
  readonly from: string
  /** The network at whose gateway ours is asked. */
  readonly at: string
  readonly answers: readonly (NameAnswer & { readonly question: string })[]
}

interface NameRecording {
  readonly docker: { readonly client: string; readonly engine: string }
  readonly steps: readonly (RecordedCommand | RecordedQuestions)[]
}

const { docker, steps } = JSON.parse(
  readFileSync(join(repositoryRoot, 'test/fixtures/docker-names.json'), 'utf8'),
) as NameRecording

describe(`names beside those of Docker ${docker.engine}`, { skip }, () => {
  const used = new Set<NameDifference>()
  const ids = new Map<string, string>()
  let ours: OurSide | undefined

  before(async () => {
    ours = await OurSide.start()
  })
  after(() => ours?.stop())

  let last = ''
  for (const step of steps) {
    if ('command' in step) {
      last = step.command.join(' ')
      it(last, () => command(step))
    } else {
      const after = last
      it(`${step.from} asks at ${step.at}, after ${after}`, () => compareAnswers(step, after))
    }
  }

  it('differs on purpose only where it does', () => {
    const idle = NAME_DIFFERENCES.filter((difference) => !used.has(difference))
    assert.deepEqual(
      idle.map(({ question, why }) => `${question} (${why})`),
      [],
    )
  })

  async function command({ command, as }: RecordedCommand): Promise<void> {
    const { code, stdout, stderr } = await ours!.ask(command)
    assert.equal(code, 0, stderr)
    if (as !== undefined) ids.set(as, stdout.trim().slice(0, 12))
  }

  async function compareAnswers({ from, at, answers }: RecordedQuestions, last: string): Promise<void> {
    const gateway = await gatewayOf(at)
    const place = { namespace: `tw-${ids.get(from)}` }
    const problems: string[] = []
    for (const { question, ...recorded } of answers) {
      const { output } = await attempt(place, 'dig', ...digArguments(gateway, withIds(question, ids)))
      const [theirs, own] = [reworded(recorded), readDig(output, ids)]
      const known = NAME_DIFFERENCES.find(
        (one) => one.question.test(`${from} ${question}`) && (one.after ?? last) === last,
      )
      if (known !== undefined) used.add(known)
      if (known === undefined ? !isSame(own, theirs) : isSame(own, theirs) || !isAsListed(own, theirs, known))
        problems.push(
          `${question}${known === undefined ? '' : ` (${known.why})`}:\n  docker  ${told(theirs)}\n  tapwire ${told(own)}`,
        )
    }
    assert.ok(problems.length === 0, `not as Docker, or not as listed:\n${problems.join('\n')}`)
  }

  /** The first address, as long as nobody has chosen another one. */
  async function gatewayOf(network: string): Promise<string> {
    const { code, stdout, stderr } = await ours!.ask(['network', 'inspect', network])
    assert.equal(code, 0, stderr)
    const [inspected] = JSON.parse(stdout) as [{ IPAM: { Config: { Subnet: string }[] } }]
    return inspected.IPAM.Config[0]!.Subnet.replace(/\.0\/\d+$/, '.1')
  }
})

const isSame = (one: NameAnswer, other: NameAnswer): boolean => told(one) === told(other)

const told = ({ status, flags, edns, answer, authority, additional }: NameAnswer): string =>
  [status, `flags ${flags}`, ...(edns ? ['EDNS'] : []), ...answer, ...authority, ...additional].join('; ')
