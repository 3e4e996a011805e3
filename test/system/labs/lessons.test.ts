/**
 * The lessons say what happens: their commands are run, in order, and print what stands below them, but for times, random numbers and their like
 * (support/lesson-variables.ts). `npm run lessons` writes anew what has changed on purpose.
 */

import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { formatLesson, type LessonPart } from '../../support/lesson.ts'
import { LessonText } from '../../support/lesson-variables.ts'
import { needs, needsTap } from '../../support/requirements.ts'
import { LESSONS, LessonHome, lessonNames, lessonParts } from '../support/lesson-walk.ts'

const skip = needsTap() || needs('bash', 'etcd', 'ip', 'ping', 'curl', 'busybox', 'dig', 'sysctl')

describe('lessons', { skip }, () => {
  let home: LessonHome
  before(async () => {
    home = await LessonHome.open()
  })
  after(() => home.close())

  for (const name of lessonNames()) {
    it(name, async () => {
      const { parts, traces } = await home.walk(name)
      assert.equal(plainText(parts), plainText(lessonParts(name)))
      assert.deepEqual(traces, { folders: [], links: [], shims: [], processes: [] })
    })
  }
})

describe('lesson files', () => {
  it('have a lab each, and the index has them all', () => {
    const index = readFileSync(join(LESSONS, 'README.md'), 'utf8')
    const names = lessonNames()
    assert.equal(names.length, 10)
    for (const name of names) {
      assert.ok(index.includes(`](${name})`), `${name} is not in the index`)
      assert.ok(existsSync(join(LESSONS, name.replace('.md', '.yaml'))), `${name} has no lab`)
    }
    const others = readdirSync(LESSONS).filter((name) => !/^\d\d-.*\.(?:md|yaml)$/.test(name))
    assert.deepEqual(others.toSorted(), ['README.md', 'hello.txt'])
  })

  it('are put together as they are taken apart', () => {
    for (const name of lessonNames()) {
      const parts = lessonParts(name)
      assert.equal(formatLesson(parts), readFileSync(join(LESSONS, name), 'utf8'))
      assert.ok(parts.length > 2, `${name} has no commands`)
    }
  })
})

/** The blocks of commands alone, without what differs from run to run. */
function plainText(parts: readonly LessonPart[]): string {
  const text = new LessonText()
  return text.plain(formatLesson(parts.filter((part) => typeof part !== 'string')))
}
