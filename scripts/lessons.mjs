import './node-version.mjs'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setup } from './setup.mjs'
import { Failure, isRoot, runMain, step } from './steps.mjs'

const USAGE = `npm run lessons [-- NAME...]

Walks through the lessons of docs/lessons, or those whose names begin so (01, 02-two), and writes what their commands print now below them.
What only differs as it does from run to run (times, random numbers) is left as it was. Look at the difference before you commit it.
Needs root, ping, curl, busybox and dig.`

await runMain(async () => {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', short: 'h', default: false } },
    allowPositionals: true,
  })
  if (values.help) {
    console.log(USAGE)
    return
  }
  if (!isRoot) throw new Failure('Network namespaces take root.')
  await setup()
  const walk = await import('../dist/test/system/support/lesson-walk.js')
  const { formatLesson } = await import('../dist/test/support/lesson.js')
  const { mergeLesson } = await import('../dist/test/support/lesson-variables.js')
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

  const home = await walk.LessonHome.open()
  try {
    for (const name of walk.lessonNames()) {
      if (positionals.length > 0 && !positionals.some((begin) => name.startsWith(begin))) continue
      const { parts } = await step(name, () => home.walk(name))
      const merged = formatLesson(mergeLesson(walk.lessonParts(name), parts))
      writeFileSync(join(walk.LESSONS, name), merged)
    }
  } finally {
    await home.close()
  }
})
