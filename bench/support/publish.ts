import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PERFORMANCE_PAGE, RESULTS_FOLDER, WORK_FOLDER } from './folders.ts'
import { updatePage } from './page.ts'

export interface Publication {
  /** Of the benchmark, and of its files. */
  readonly name: string
  readonly title: string
  /** All that was measured. */
  readonly result: object
  /** The same to be read, in Markdown, without a title. */
  readonly report: string
  /** Whether the result is one to keep. */
  readonly complete: boolean
  readonly picture?: { readonly svg: string; readonly alternative: string }
  /** Whether docs/performance.md shows what is kept, in a section of the name. */
  readonly onPage?: boolean
}

/** Writes a result: into bench/results where it is one to keep, else into bench/.work. Says where. */
export function publish(publication: Publication): string {
  const { name, title, result, report, complete, picture, onPage = true } = publication
  const folder = complete ? RESULTS_FOLDER : WORK_FOLDER
  const shown = complete && onPage
  const text = report.trimEnd()
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(join(folder, `${name}.md`), `# ${title}\n\n${text}\n`)
  if (picture !== undefined) writeFileSync(join(folder, `${name}.svg`), picture.svg)
  if (shown) {
    const image = picture === undefined ? '' : `![${picture.alternative}](../bench/results/${name}.svg)\n\n`
    updatePage(PERFORMANCE_PAGE, `bench ${name}`, `${image}${text}`)
  }
  const files = `${name}.{json,md${picture === undefined ? '' : ',svg'}}`
  return `written to ${folder}/${files}${shown ? ' and docs/performance.md' : ''}`
}
