/** Numbers 0 to `count - 1`, to be taken and given back: at first in order, then the one that was given back last. */
export class FreeNumbers {
  private readonly stack: Int32Array
  private size: number

  constructor(count: number) {
    this.stack = new Int32Array(count)
    for (let index = 0; index < count; index++) this.stack[index] = count - 1 - index
    this.size = count
  }

  /** How many there are to be taken. */
  get left(): number {
    return this.size
  }

  /** There must be one left. */
  take(): number {
    this.size--
    return this.stack[this.size]!
  }

  /** A number that was taken. */
  giveBack(number: number): void {
    this.stack[this.size] = number
    this.size++
  }
}
