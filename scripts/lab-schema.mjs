#!/usr/bin/env node
// Writes docs/lab.schema.json from src/control/lab-schema.ts. Run it after `npx tsc -b`; a test tells when it is due.
import { writeFileSync } from 'node:fs'
import { labJsonSchema } from '../dist/src/control/lab-json-schema.js'

const file = new URL('../docs/lab.schema.json', import.meta.url)
writeFileSync(file, labJsonSchema())
