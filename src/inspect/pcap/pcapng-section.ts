import { CAPTURE_COMMENTS_MAX } from '../../limits.ts'
import type { CaptureFormat } from './capture-file.ts'
import { damaged } from './capture-file-error.ts'
import { type Block, blockOptions, needBody, offsetOf } from './pcapng-block.ts'
import { SectionOption, textOption } from './pcapng-options.ts'

/** Byte order, version, length of the section. */
const FIXED = 16

/** The section header block (pcapng, 4.1). The section's length is of no use here: it serves those who skip it. */
export function readSection(block: Block): CaptureFormat {
  needBody(block, 'a section header', FIXED)
  const { bytes, view } = block.buffer
  const major = view.getUint16(block.body + 4, block.littleEndian)
  const version = `${major}.${view.getUint16(block.body + 6, block.littleEndian)}`
  if (major !== 1)
    throw damaged(offsetOf(block), `is a section of version ${version} of pcapng; only 1.x is known`)
  let hardware = ''
  let os = ''
  let application = ''
  const comments: string[] = []
  for (const { code, at, length } of blockOptions(block, block.body + FIXED)) {
    if (code === SectionOption.comment) {
      if (comments.length < CAPTURE_COMMENTS_MAX) comments.push(textOption(bytes, at, length))
    } else if (code === SectionOption.hardware) hardware = textOption(bytes, at, length)
    else if (code === SectionOption.os) os = textOption(bytes, at, length)
    else if (code === SectionOption.application) application = textOption(bytes, at, length)
  }
  const bigEndian = !block.littleEndian
  return {
    kind: 'pcapng',
    bigEndian,
    version,
    timestampDigits: undefined,
    hardware,
    os,
    application,
    comments,
  }
}
