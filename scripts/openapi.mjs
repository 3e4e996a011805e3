import './node-version.mjs'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setup } from './setup.mjs'
import { root, runMain } from './steps.mjs'

// Writes docs/openapi.json from the routes in src/daemon/api; a test tells when it is due.
await runMain(async () => {
  await setup()
  const { openApiText } = await import('../dist/src/daemon/api/document.js')
  writeFileSync(join(root, 'docs/openapi.json'), openApiText())
})
