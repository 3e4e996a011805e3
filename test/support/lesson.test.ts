import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { formatLesson, type LessonPart, parseLesson } from './lesson.ts'
import { LessonText, mergeLesson } from './lesson-variables.ts'

const TEXT = `# A lesson

\`\`\`
a picture
\`\`\`

\`\`\`console
$ true
$ echo one \\
    two
one two
$ echo three
three
\`\`\`

The end.
`

const same = (one: string, other: string): void => assert.equal(plain(one), plain(other))
const different = (one: string, other: string): void => assert.notEqual(plain(one), plain(other))
const plain = (text: string): string => new LessonText().plain(text)

describe('a lesson', () => {
  it('has commands and what they print', () => {
    const [before, commands, after, ...more] = parseLesson(TEXT)
    assert.match(before as string, /^# A lesson\n[^$]*a picture\n```\n\n$/)
    assert.deepEqual(commands, [
      { line: 'true', output: '' },
      { line: 'echo one \\\n    two', output: 'one two\n' },
      { line: 'echo three', output: 'three\n' },
    ])
    assert.equal(after, '\nThe end.\n')
    assert.deepEqual(more, [])
  })

  it('is put together as it was', () => {
    assert.equal(formatLesson(parseLesson(TEXT)), TEXT)
  })

  it('has no output without a command, and no block without an end', () => {
    assert.throws(() => parseLesson('\n```console\nhello\n```\n'), /begins without one: hello/)
    assert.throws(() => parseLesson('\n```console\n$ true\n'), /no end/)
  })

  it('stays as it was where only what means nothing differs', () => {
    const of = (output: string): LessonPart[] => ['text\n', [{ line: 'ping', output }]]
    assert.deepEqual(mergeLesson(of('time=1.2 ms\n'), of('time=9 ms\n')), of('time=1.2 ms\n'))
    assert.deepEqual(
      mergeLesson(of('ttl=64 time=1.2 ms\n'), of('ttl=63 time=9 ms\n')),
      of('ttl=63 time=9 ms\n'),
    )
  })
})

describe('what means nothing', () => {
  it('is of each kind', () => {
    same('12:00:00.000001 a > b', '23:59:59.123456789 a > b')
    same(
      'Packet 1, 2026-11-21T23:59:59.123456789Z, 42 bytes',
      'Packet 1, 2027-01-01T12:00:00.000001000Z, 42 bytes',
    )
    same(
      '64 bytes from 10.1.0.3: icmp_seq=1 ttl=64 time=6.35 ms',
      '64 bytes from 10.1.0.3: icmp_seq=1 ttl=64 time=108 ms',
    )
    same('lan  02:42:0a:01:00:02  alice  eth0  0  1 s', 'lan  02:42:0a:01:00:02  alice  eth0    11  0 s')
    same('a.50001 > b.80: TCP [S], seq 17, win 64240', 'a.40001 > b.80: TCP [S], seq 4, win 65535')
    same('  Header checksum: 0x1234 (right)', '  Header checksum: 0xffff (right)')
  })

  it('is not an address, a well-known port, a count, a length or a verdict', () => {
    different('10.1.0.2', '10.1.0.3')
    different('02:42:0a:01:00:02', '02:42:0a:01:00:03')
    different('a.50001 > b.80: TCP [S], seq 17', 'a.50001 > b.81: TCP [S], seq 17')
    different('4 packets captured', '5 packets captured')
    different('offset 976, length 432', 'offset 976, length 424')
    different('  Header checksum: 0x1234 (right)', '  Header checksum: 0x1234 (wrong)')
    different('ICMP echo request, id 7, seq 1', 'ICMP echo request, id 7, seq 2')
  })

  it('is equal where it was equal', () => {
    const line = (port: number, sequence: number): string =>
      `a.${port} > b.80: TCP [S], seq ${sequence}, win 64240\n`
    same(line(50001, 17) + line(50001, 17), line(40001, 3) + line(40001, 3))
    different(line(50001, 17) + line(50001, 17), line(50001, 17) + line(50001, 18))
    different(line(50001, 17) + line(50001, 17), line(50001, 17) + line(50002, 17))
  })

  it('is the order of copies that leave at the same time, and of nothing else', () => {
    const line = (time: string, place: string): string =>
      `12:00:00.00000${time} [${place}] ARP who-has bob tell alice\n`
    same(line('1', 'bob out') + line('1', 'carol out'), line('1', 'carol out') + line('1', 'bob out'))
    different(line('1', 'bob out') + line('2', 'carol out'), line('1', 'carol out') + line('2', 'bob out'))
    different(line('1', 'bob in') + line('1', 'carol out'), line('1', 'carol out') + line('1', 'bob in'))
  })
})
