/** The word that is one slip away from `word`: a letter too many, too few, wrong, or two neighbours swapped. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  return word.length < 2 ? undefined : candidates.find((candidate) => oneSlip(word, candidate))
}

function oneSlip(a: string, b: string): boolean {
  if (a.length > b.length) return oneSlip(b, a)
  let start = 0
  while (start < a.length && a[start] === b[start]) start += 1
  const [restA, restB] = [a.slice(start), b.slice(start)]
  if (a.length < b.length) return restA === restB.slice(1)
  if (restA.slice(1) === restB.slice(1)) return true
  return restA[0] === restB[1] && restA[1] === restB[0] && restA.slice(2) === restB.slice(2)
}
