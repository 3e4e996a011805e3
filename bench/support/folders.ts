import { fileURLToPath } from 'node:url'

/** The package's folder: this file runs as dist/bench/support/folders.js. */
const ROOT = new URL('../../../', import.meta.url)

const folder = (path: string): string => fileURLToPath(new URL(path, ROOT))

export const REFERENCE_FOLDER = folder('bench/reference')
/** What the bench builds and what is not worth keeping; git ignores it. */
export const WORK_FOLDER = folder('bench/.work')
/** The last complete run, kept in git. */
export const RESULTS_FOLDER = folder('bench/results')
export const PERFORMANCE_PAGE = folder('docs/performance.md')
