/** What differs between a packet as it came and as it left, field by field, by the fields' names. */

import type { DissectedField, Dissection } from '../dissect/dissection.ts'
import type { StoryChange } from './frame-story.ts'

/** A field by its name and its number among those of the same name: the first `ip.dst` is that of the outer header. */
interface NamedField {
  readonly key: string
  readonly field: DissectedField
  /** Those that are its parts. */
  readonly parts: readonly NamedField[]
}

/** In the order of the bytes; of a group, such as flags, its parts that differ. */
export function storyChanges(before: Dissection, after: Dissection): readonly StoryChange[] {
  const came = namedFields(before)
  const fresh = namedFields(after)
  const old = byKey(came)
  const left = byKey(fresh)
  const changes: StoryChange[] = []
  for (const one of came) addGone(one, left, changes)
  for (const one of fresh) addChanges(one, old, changes)
  return changes
}

function addChanges(
  { key, field, parts }: NamedField,
  old: ReadonlyMap<string, DissectedField>,
  changes: StoryChange[],
): void {
  const before = changes.length
  for (const part of parts) addChanges(part, old, changes)
  if (changes.length > before) return
  const was = old.get(key)
  if (was === undefined || was.value !== field.value || was.text !== field.text) {
    changes.push(change(was, field))
  }
}

/** What is gone as a whole is told of as a whole. */
function addGone(
  { key, field, parts }: NamedField,
  left: ReadonlyMap<string, DissectedField>,
  changes: StoryChange[],
): void {
  if (!left.has(key)) changes.push(change(field, undefined))
  else for (const part of parts) addGone(part, left, changes)
}

function change(before: DissectedField | undefined, after: DissectedField | undefined): StoryChange {
  const { name, label } = (after ?? before)!
  return { name, label, before: before?.text ?? '', after: after?.text ?? '' }
}

function byKey(fields: readonly NamedField[]): ReadonlyMap<string, DissectedField> {
  const found = new Map<string, DissectedField>()
  const add = ({ key, field, parts }: NamedField): void => {
    found.set(key, field)
    for (const part of parts) add(part)
  }
  for (const one of fields) add(one)
  return found
}

/** What has no name, or no bytes, says nothing that others do not. */
function namedFields({ layers }: Dissection): readonly NamedField[] {
  const counts = new Map<string, number>()
  const addAll = (fields: readonly DissectedField[], into: NamedField[]): NamedField[] => {
    for (const field of fields) {
      const { name, length, fields: parts = NO_FIELDS } = field
      if (name === '' || length === 0) {
        addAll(parts, into)
        continue
      }
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      into.push({ key: count === 1 ? name : `${name} ${count}`, field, parts: addAll(parts, []) })
    }
    return into
  }
  const all: NamedField[] = []
  for (const { fields } of layers) addAll(fields, all)
  return all
}

const NO_FIELDS: readonly DissectedField[] = []
