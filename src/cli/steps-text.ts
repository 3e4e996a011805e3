/** The steps of an explanation, one a line. */
import type { ExplainAnswer } from '../control/api/explain.ts'
import type { Cli } from './cli.ts'
import { colorsFor } from './colors.ts'
import { printable } from './output.ts'

/** `1  bridge  drop  Why.`, with the columns aligned. */
export function formatSteps(cli: Cli, steps: ExplainAnswer['steps']): string {
  const colors = colorsFor(cli, cli.stdout)
  const numberWidth = String(steps.length).length
  const stageWidth = Math.max(0, ...steps.map(({ stage }) => stage.length))
  const verdictWidth = Math.max(0, ...steps.map(({ verdict }) => verdict.length))
  const lines = steps.map(({ stage, verdict, sentence }, index) => {
    const word = verdict.padEnd(verdictWidth)
    const shown = verdict === 'drop' ? colors.red(word) : word
    const number = String(index + 1).padStart(numberWidth)
    return `${number}  ${colors.bold(stage.padEnd(stageWidth))}  ${shown}  ${printable(sentence)}\n`
  })
  return lines.join('')
}
