/** Frames of stories, from copies; and back to what can be shown of them. */

import { dissect } from '../dissect/dissect.ts'
import type { DissectedField, Dissection } from '../dissect/dissection.ts'
import { LINK_TYPE_ETHERNET } from '../pcap/capture-file.ts'
import { finishedCopy } from './finished-copy.ts'
import type { StoryFrame } from './frame-story.ts'
import type { SourceCopy } from './story-source.ts'

export interface DissectedFrame {
  readonly frame: StoryFrame
  readonly bytes: Uint8Array
  readonly dissection: Dissection
}

export function storyFrame(copy: SourceCopy): DissectedFrame {
  const { bytes, segmentSize } = finishedCopy(copy)
  const length = copy.originalLength ?? bytes.length
  const dissection = dissect(bytes, 0, bytes.length, {
    originalLength: length,
    partialChecksum: segmentSize > 0,
    linkType: copy.linkType,
  })
  const frame: StoryFrame = {
    place: copy.place,
    summary: dissection.summary,
    bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex'),
    length,
    segmentSize,
    ...(copy.linkType !== undefined && copy.linkType !== LINK_TYPE_ETHERNET && { linkType: copy.linkType }),
    problems: problemsOf(dissection),
  }
  return { frame, bytes, dissection }
}

export const bytesOf = ({ bytes }: StoryFrame): Uint8Array => Buffer.from(bytes, 'hex')

export function dissectionOf({ bytes, length, segmentSize, linkType }: StoryFrame): Dissection {
  const all = Buffer.from(bytes, 'hex')
  return dissect(all, 0, all.length, {
    originalLength: length,
    partialChecksum: segmentSize > 0,
    linkType,
  })
}

function problemsOf({ layers }: Dissection): readonly string[] {
  const problems: string[] = []
  const look = ({ name, problem, fields = [] }: DissectedField): void => {
    if (problem !== undefined) problems.push(`${name}: ${problem}`)
    for (const part of fields) look(part)
  }
  for (const { protocol, problem, fields } of layers) {
    if (problem !== undefined) problems.push(`${protocol}: ${problem}`)
    for (const field of fields) look(field)
  }
  return problems
}
