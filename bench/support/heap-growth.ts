/** What code leaves on the heap. */

/**
 * Bytes by which the heap and the array buffers grow while `work` runs, and what it takes to find out. Less than nothing
 * where garbage was collected in between, which says that there was some, but not how much.
 */
export function heapGrowth(work: () => void): number {
  const before = process.memoryUsage()
  work()
  const after = process.memoryUsage()
  return after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers
}
