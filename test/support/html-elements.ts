/** Reads HTML as strictly as it is written here: each element is closed, each attribute has quotes, and no character stands where none may. */

import assert from 'node:assert/strict'

export interface HtmlElement {
  readonly name: string
  readonly attributes: Readonly<Record<string, string>>
}

const VOID: ReadonlySet<string> = new Set(['meta', 'input'])
const RAW: ReadonlySet<string> = new Set(['script', 'style'])
const TAG = /^<(\/?)([a-z][a-z0-9]*)((?: [a-z-]+(?:="[^"<>]*")?)*)>/
const ATTRIBUTE = / ([a-z-]+)(?:="([^"]*)")?/g

/** All elements in order. Throws where the text is not well-formed. */
export function elementsOf(html: string): HtmlElement[] {
  const elements: HtmlElement[] = []
  const open: string[] = []
  let at = html.startsWith('<!doctype html>') ? '<!doctype html>'.length : 0
  while (at < html.length) {
    const next = html.indexOf('<', at)
    const text = html.slice(at, next < 0 ? undefined : next)
    assert.doesNotMatch(text.replaceAll(/&(?:[a-z]+|#\d+);/g, ''), /[&>]/, text.slice(0, 80))
    if (next < 0) break
    const [tag, slash, name, attributes] = TAG.exec(html.slice(next, next + 4000)) ?? []
    assert.ok(tag !== undefined && name !== undefined, html.slice(next, next + 80))
    at = next + tag.length
    if (slash === '/') {
      assert.equal(open.pop(), name)
      continue
    }
    const found = [...(attributes ?? '').matchAll(ATTRIBUTE)].map(([, key, value = '']) => [key!, value])
    elements.push({ name, attributes: Object.fromEntries(found) as Record<string, string> })
    if (VOID.has(name)) continue
    open.push(name)
    if (RAW.has(name)) at = html.indexOf(`</${name}>`, at)
  }
  assert.deepEqual(open, [])
  return elements
}
