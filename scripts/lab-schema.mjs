import './node-version.mjs'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setup } from './setup.mjs'
import { root, runMain } from './steps.mjs'

// Writes docs/lab.schema.json from src/control/lab-schema.ts; a test tells when it is due.
await runMain(async () => {
  await setup()
  const { labJsonSchema } = await import('../dist/src/control/lab-json-schema.js')
  writeFileSync(join(root, 'docs/lab.schema.json'), labJsonSchema())
})
