/** Lists of objects as docker's commands print them: a table, names only, JSON, or by a template. */

import { ErrorCode, TapwireError } from '../../control/errors.ts'
import type { Cli } from '../cli.ts'
import { alignColumns } from './columns.ts'

export interface Field<T> {
  readonly heading: string
  value(item: T): string
}

export interface Listing<T> {
  readonly fields: Readonly<Record<string, Field<T>>>
  /** Of the table, by the names of the fields. */
  readonly columns: readonly string[]
  /** Those of `--format wide`. */
  readonly wideColumns?: readonly string[]
  /** The value of `.Label KEY`. */
  labels?(item: T): Readonly<Record<string, string>>
}

export interface ListingOptions {
  /** `table`, `wide`, `json`, `table TEMPLATE` or a template; a table where undefined. */
  readonly format?: string | undefined
  /** Ids only. */
  readonly quiet?: boolean | undefined
}

/** Throws TEMPLATE_INVALID. */
export async function printListing<T>(
  cli: Cli,
  listing: Listing<T>,
  items: readonly T[],
  options: ListingOptions,
): Promise<void> {
  cli.stdout.write(await formatListing(listing, items, options))
}

/** Throws TEMPLATE_INVALID. */
export async function formatListing<T>(
  listing: Listing<T>,
  items: readonly T[],
  { format = 'table', quiet = false }: ListingOptions,
): Promise<string> {
  if (format === 'table' || format === 'wide') {
    if (quiet) return items.map((item) => `${valueOf(listing, 'ID', item)}\n`).join('')
    const columns = format === 'wide' ? (listing.wideColumns ?? listing.columns) : listing.columns
    const headings = columns.map((name) => listing.fields[name]!.heading)
    return alignColumns([
      headings,
      ...items.map((item) => columns.map((name) => valueOf(listing, name, item))),
    ])
  }
  if (format === 'json') return items.map((item) => `${JSON.stringify(contextOf(listing, item))}\n`).join('')
  return await formatByTemplate(listing, items, format)
}

async function formatByTemplate<T>(
  listing: Listing<T>,
  items: readonly T[],
  format: string,
): Promise<string> {
  const { Template } = await import('./template.ts')
  const isTable = /^table\s/.test(format)
  const text = unescape((isTable ? format.slice('table'.length) : format).trim())
  await checkWords(text)
  const template = withExitCode(() => new Template(text))
  const lines = items.map((item) => template.execute(withLabel(listing, item)))
  if (!isTable) return lines.map((line) => `${line}\n`).join('')
  const headings = template.execute(headingsOf(listing))
  return alignColumns([headings, ...lines].map((line) => line.split('\t')))
}

/** A list's template that is wrong in itself is no other failure than one that does not fit, unlike that of inspect (as docker's). */
function withExitCode<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (!(error instanceof TapwireError)) throw error
    throw new TapwireError(error.code, error.message, { hint: error.hint, exitCode: 1 })
  }
}

/** In a shell's single quotes, \t and \n are two characters. */
function unescape(template: string): string {
  return template.replaceAll(String.raw`\t`, '\t').replaceAll(String.raw`\n`, '\n')
}

/** A word that is no template would be printed once for each object: it is a slip. */
async function checkWords(text: string): Promise<void> {
  if (text.includes('{{') || !/^[a-z]+$/.test(text)) return
  const { didYouMean } = await import('../../control/suggest.ts')
  throw new TapwireError(ErrorCode.templateInvalid, `Unknown format '${text}'.`, {
    hint: `It is a template or one of table, wide, json; ${didYouMean(text, ['table', 'wide', 'json'])}`,
    exitCode: 1,
  })
}

function valueOf<T>(listing: Listing<T>, name: string, item: T): string {
  return listing.fields[name]!.value(item)
}

function contextOf<T>(listing: Listing<T>, item: T): Record<string, unknown> {
  const names = Object.keys(listing.fields).sort()
  return Object.fromEntries(names.map((name) => [name, valueOf(listing, name, item)]))
}

function withLabel<T>(listing: Listing<T>, item: T): Record<string, unknown> {
  const context = contextOf(listing, item)
  const labels = listing.labels?.(item)
  if (labels === undefined) return context
  return { ...context, Label: (name: unknown) => labels[String(name)] ?? '' }
}

/** What the template of a table makes of these is its first line. */
function headingsOf<T>(listing: Listing<T>): Record<string, unknown> {
  const headings = Object.entries(listing.fields).map(([name, { heading }]) => [name, heading])
  return {
    ...Object.fromEntries(headings),
    // The last part of `com.example.my-label`, as docker has it.
    Label: (name: unknown) => String(name).split('.').at(-1)!.replaceAll(/[-_]/g, ' ').toUpperCase(),
  }
}
