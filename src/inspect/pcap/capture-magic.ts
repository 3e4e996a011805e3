import { CaptureFileError } from './capture-file-error.ts'

/** What begins so is no capture that can be read here; `hint` says how to make one of it. */
interface OtherFormat {
  /** The first bytes; with characters of Latin 1 where they are no text. */
  readonly start: string
  readonly what: string
  readonly hint: string
}

const unpack = (program: string): string => `Unpack it first, as in: ${program} FILE > FILE.pcap`
const CONVERT = 'editcap makes pcapng of it: editcap -F pcapng FILE OUT.pcapng'

const OTHER_FORMATS: readonly OtherFormat[] = [
  { start: '\x1f\x8b', what: 'compressed by gzip', hint: unpack('gunzip -c') },
  { start: '\x28\xb5\x2f\xfd', what: 'compressed by zstd', hint: unpack('zstd -dc') },
  { start: '\x04\x22\x4d\x18', what: 'compressed by lz4', hint: unpack('lz4 -dc') },
  { start: '\xfd7zXZ', what: 'compressed by xz', hint: unpack('xz -dc') },
  { start: 'BZh', what: 'compressed by bzip2', hint: unpack('bzip2 -dc') },
  { start: 'PK\x03\x04', what: 'a ZIP archive', hint: 'Take the capture out of it first, with unzip.' },
  { start: 'snoop\0\0\0', what: 'a capture of snoop', hint: CONVERT },
  { start: 'btsnoop\0', what: 'a capture of Bluetooth', hint: CONVERT },
  { start: 'GMBU', what: 'a capture of Microsoft Network Monitor', hint: CONVERT },
  { start: 'RTSS', what: 'a capture of Microsoft Network Monitor', hint: CONVERT },
  { start: 'XCP\0', what: 'a capture of NetXray', hint: CONVERT },
  { start: 'TRSNIFF data', what: 'a capture of the DOS Sniffer', hint: CONVERT },
  {
    start: '\x7fELF',
    what: 'a program',
    hint: 'Give the name of a file that was written by tcpdump -w, say.',
  },
]

/** Bytes after which one knows what a file is. */
export const MAGIC_LENGTH = 4
/** Bytes that are looked at, where they are there, of a file that is no capture. */
export const MAGIC_LOOK = 64

/** Why a file that begins with these bytes, at least MAGIC_LENGTH of them, is no capture. */
export function notACapture(start: Uint8Array): CaptureFileError {
  const text = String.fromCharCode(...start.subarray(0, MAGIC_LOOK))
  const known = OTHER_FORMATS.find((format) => text.startsWith(format.start))
  if (known !== undefined)
    return new CaptureFileError(0, `is no pcap or pcapng, but ${known.what}`, known.hint)
  if (/^[\t\n\r\x20-\x7e]+$/.test(text)) {
    return new CaptureFileError(
      0,
      'is no pcap or pcapng; it looks like text',
      'text2pcap makes a capture of packets as hexadecimal text; what tcpdump prints is none, use its -w.',
    )
  }
  const magic = Array.from(start.subarray(0, MAGIC_LENGTH), (byte) => byte.toString(16).padStart(2, '0'))
  return new CaptureFileError(
    0,
    `is neither pcap nor pcapng: it begins with ${magic.join(' ')}`,
    'Give the name of a file that was written by tcpdump -w, say.',
  )
}

export const emptyCapture = (): CaptureFileError =>
  new CaptureFileError(
    0,
    'the file ends: it is empty',
    'Even a capture without packets has a header. Was the program that writes it ended too early?',
  )
