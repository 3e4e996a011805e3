/**
 * A reporter for node's test runner that counts: { passed, failed, skipped: [{ name, file, reason }], empty: [file] }
 * as one line of JSON when all is over. Suites are not tests; a suite that is skipped as a whole hides its tests
 * from the runner and counts as one.
 * @param {AsyncIterable<{ type: string, data: any }>} events
 */
export default async function* report(events) {
  const result = {
    passed: 0,
    failed: 0,
    skipped: /** @type {object[]} */ ([]),
    empty: /** @type {string[]} */ ([]),
  }
  for await (const { type, data } of events) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const { name, file, skip, todo, details } = data
    const suite = details?.type === 'suite'
    const reason = skip ?? todo
    if (reason !== undefined && reason !== false) {
      result.skipped.push({
        name,
        file,
        reason: typeof reason === 'string' && reason !== '' ? reason : 'no reason given',
      })
    } else if (type === 'test:fail') {
      // A suite fails with its tests, which are counted already; by itself it fails through a hook.
      if (!suite || details.error?.failureType !== 'subtestsFailed') result.failed += 1
    } else if (name === file) {
      // The runner takes a file without tests for a test that passed.
      result.empty.push(file)
    } else if (!suite) {
      result.passed += 1
    }
  }
  yield `${JSON.stringify(result)}\n`
}
