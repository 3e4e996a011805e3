/**
 * The candidate that `word` is most likely a slip of, or undefined where none is near: at most one edit for each
 * three letters, an edit being a letter too many, too few, wrong, or two neighbours swapped; never all letters.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.min(Math.max(1, Math.floor(word.length / 3)), word.length - 1) + 1
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `did you mean 'web'?` where a candidate is near, `known: a, b, c` where not. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const near = suggest(word, candidates)
  if (near !== undefined) return `did you mean '${near}'?`
  const shown = candidates.slice(0, SHOWN_MAX).join(', ')
  return `known: ${shown}${candidates.length > SHOWN_MAX ? `, and ${candidates.length - SHOWN_MAX} more` : ''}`
}

const SHOWN_MAX = 10

/** Optimal string alignment, row by row: `rows[i % 3][j]` is the distance of a's first i letters from b's first j. */
function editDistance(a: string, b: string): number {
  const rows = [0, 1, 2].map(() => Array.from({ length: b.length + 1 }, (_, j) => j))
  for (let i = 1; i <= a.length; i++) {
    const row = rows[i % 3]!
    const above = rows[(i - 1) % 3]!
    const twoAbove = rows[(i - 2 + 3) % 3]!
    row[0] = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let distance = Math.min(above[j]! + 1, row[j - 1]! + 1, above[j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        distance = Math.min(distance, twoAbove[j - 2]! + 1)
      }
      row[j] = distance
    }
  }
  return rows[a.length % 3]![b.length]!
}
