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
  const old = new Map(namedFields(before).flatMap(withParts))
  const fresh = namedFields(after)
  const left = new Set(fresh.flatMap(withParts).map(([key]) => key))
  const gone = namedFields(before).flatMap((one) => goneOf(one, left))
  return [...gone, ...fresh.flatMap((one) => changesOf(one, old))]
}

function changesOf(
  { key, field, parts }: NamedField,
  old: ReadonlyMap<string, DissectedField>,
): StoryChange[] {
  const inside = parts.flatMap((part) => changesOf(part, old))
  if (inside.length > 0) return inside
  const was = old.get(key)
  return was !== undefined && was.value === field.value && was.text === field.text ? [] : [change(was, field)]
}

/** What is gone as a whole is told of as a whole. */
function goneOf({ key, field, parts }: NamedField, left: ReadonlySet<string>): StoryChange[] {
  return left.has(key) ? parts.flatMap((part) => goneOf(part, left)) : [change(field, undefined)]
}

function change(before: DissectedField | undefined, after: DissectedField | undefined): StoryChange {
  const { name, label } = (after ?? before)!
  return { name, label, before: before?.text ?? '', after: after?.text ?? '' }
}

const withParts = ({ key, field, parts }: NamedField): [string, DissectedField][] => [
  [key, field],
  ...parts.flatMap(withParts),
]

/** What has no name, or no bytes, says nothing that others do not. */
function namedFields({ layers }: Dissection): readonly NamedField[] {
  const counts = new Map<string, number>()
  const named = (field: DissectedField): readonly NamedField[] => {
    const { name, length, fields = [] } = field
    if (name === '' || length === 0) return fields.flatMap(named)
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return [{ key: `${name} ${count}`, field, parts: fields.flatMap(named) }]
  }
  return layers.flatMap(({ fields }) => fields.flatMap(named))
}
