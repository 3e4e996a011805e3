/**
 * Orders names as people do, `net2` before `net10`: runs of digits by their number, all else by its letters. Intl.Collator does so too,
 * but takes 8 ms to be made.
 */
export function naturalOrder(a: string, b: string): number {
  const [partsOfA, partsOfB] = [partsOf(a), partsOf(b)]
  for (const [index, part] of partsOfA.entries()) {
    const other = partsOfB[index]
    if (other === undefined) return 1
    const order = orderOfParts(part, other)
    if (order !== 0) return order
  }
  return partsOfA.length - partsOfB.length
}

const partsOf = (text: string): readonly string[] => text.match(/\d+|\D+/g) ?? []

function orderOfParts(a: string, b: string): number {
  // The numbers of two runs that are equal as numbers (01, 1) leave it to their letters.
  const difference = Number(a) - Number(b)
  if (difference !== 0 && !Number.isNaN(difference)) return difference
  return a < b ? -1 : a > b ? 1 : 0
}
