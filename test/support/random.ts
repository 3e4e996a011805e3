import { Random as Numbers } from '../../bench/support/random.ts'

/** Numbers that repeat with their seed, and what they choose. */
export class Random extends Numbers {
  /** True once in `count` times. */
  oneIn(count: number): boolean {
    return this.below(count) === 0
  }

  from(values: Int32Array): number {
    return values[this.below(values.length)]!
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!
  }
}
