import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Replaces what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->` in a Markdown page. A page
 * without exactly these two marks, in this order, is an error.
 */
export function replaceSection(page: string, name: string, text: string): string {
  const begin = `<!-- ${name}: begin -->`
  const end = `<!-- ${name}: end -->`
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no section between "${begin}" and "${end}"`)
  return `${page.slice(0, from + begin.length)}\n${text.trim()}\n${page.slice(to)}`
}

export function updatePage(path: string, name: string, text: string): void {
  writeFileSync(path, replaceSection(readFileSync(path, 'utf8'), name, text))
}
